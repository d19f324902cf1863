"""Between one block and one job: the groups in force there, and the update that waits to be.

Blocks are shared between jobs, limits are not, so each job has a gate of its own for each of its blocks. The groups in
force are kept as objects that stay the same while their group does: what comes after need not look at them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from narthex.clock import Clock
from narthex.config.safety import DiscoverySafety
from narthex.discovery.governor import Action, count, judge, missing
from narthex.discovery.provider import Provider
from narthex.discovery.snapshots import Snapshot
from narthex.model.targetgroup import SourcedGroup, TargetGroup

__all__ = ["Gate", "HeldUpdate", "RestoredGroups"]


@dataclass(frozen=True, slots=True)
class HeldUpdate:
    """An update that is not, or not wholly, in force. ``since`` and ``until`` are seconds since the Unix epoch.

    ``until`` is None for an update that was refused for its size. ``before`` is the number of targets when it came,
    ``offered`` what it has itself, ``kept`` how many targets are in force only because it is held.
    """

    job: str
    provider: str
    kind: str
    reason: str
    since: float
    until: float | None
    before: int
    offered: int
    kept: int


@dataclass(frozen=True, slots=True)
class RestoredGroups:
    """Groups in force that were read from disk after a start. ``confirmed``: when discovery last said so (epoch s)."""

    job: str
    provider: str
    kind: str
    confirmed: float
    targets: int


class Gate:
    """``limits`` None lets everything pass. ``snapshot`` is in force until the block has published."""

    def __init__(
        self,
        job: str,
        provider: Provider,
        clock: Clock,
        limits: DiscoverySafety | None,
        snapshot: Snapshot | None = None,
    ) -> None:
        self.job = job
        self.provider = provider
        self.limits = limits
        self.held: HeldUpdate | None = None
        self.restored: RestoredGroups | None = None
        self.changed = self.confirmed = False
        """What there is to write to disk: other groups, or word that they are still so."""
        self.in_force: tuple[SourcedGroup, ...] = ()
        self._clock = clock
        self._before: tuple[TargetGroup, ...] = ()
        self._since: float | None = None
        self._heard = False
        if snapshot is not None:
            self._before = snapshot.groups
            self._put(snapshot.groups)
            self.changed = False
            targets = count(snapshot.groups)
            self.restored = RestoredGroups(job, provider.name, provider.config.kind, snapshot.confirmed, targets)

    def offer(self) -> bool:
        """Take what the block has published, or hold it.

        Returns whether the groups in force are others now; True for the first answer in any case.
        """
        after = self.provider.ledger.groups()
        now = self._clock.monotonic()
        verdict = judge(self._before, after, self.limits, now, self._since) if self.limits else None
        first, self._heard = not self._heard, True
        if verdict is None or verdict.action is Action.APPLY:
            return self._apply(after, verdict.reason if verdict else "") or first
        kept = missing(self._before, after)
        if verdict.action is Action.REFUSE:
            self._hold(after, verdict.reason, kept, None)
            return False
        self._since = now if self._since is None else self._since
        self.restored = None
        self._hold(after, verdict.reason, kept, self.limits.patience.seconds if self.limits else None)
        return self._put((*after, *kept))

    def accept(self) -> bool:
        """Let a held or refused update through. Returns whether there was one."""
        if self.held is None:
            return False
        self._apply(self.provider.ledger.groups(), "accepted")
        return True

    def limit(self, limits: DiscoverySafety | None) -> bool:
        """Use other limits; an update that is held is judged again. Returns whether the groups are others now."""
        if limits == self.limits:
            return False
        self.limits = limits
        return self.offer() if self.held is not None else False

    @property
    def due(self) -> float | None:
        """When the held update is to be judged again (monotonic seconds); None: nothing waits for that."""
        if self._since is None or self.limits is None or self.held is None or self.held.until is None:
            return None
        return self._since + self.limits.patience.seconds

    def _apply(self, after: tuple[TargetGroup, ...], reason: str) -> bool:
        if self.held is not None:
            extra = {"job": self.job, "reason": reason or "the update is no longer suspicious"}
            self.provider.log.info("A held update of discovery is in force", extra=extra)
        self.held, self._since, self.restored = None, None, None
        self._before = after
        return self._put(after)

    def _hold(
        self, after: Sequence[TargetGroup], reason: str, kept: Sequence[TargetGroup], seconds: float | None
    ) -> None:
        before = self.held
        began = before.since if before is not None else self._clock.now()
        self.held = HeldUpdate(
            job=self.job,
            provider=self.provider.name,
            kind=self.provider.config.kind,
            reason=reason,
            since=began,
            until=None if seconds is None else began + seconds,
            before=count(self._before),
            offered=count(after),
            kept=count(kept),
        )
        if before is None:
            extra = {"job": self.job, "reason": reason, "seconds": seconds}
            self.provider.log.warning("An update of discovery is held; the targets it lacks stay", extra=extra)

    def _put(self, groups: Sequence[TargetGroup]) -> bool:
        known = {id(one.group): one for one in self.in_force}
        name = self.provider.name
        before = self.in_force
        self.in_force = tuple([known.get(id(group)) or SourcedGroup(name, group) for group in groups])
        changed = len(before) != len(self.in_force) or any(map(_other, before, self.in_force))
        self.changed |= changed
        return changed


def _other(one: SourcedGroup, two: SourcedGroup) -> bool:
    return one is not two and one != two
