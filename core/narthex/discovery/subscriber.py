"""One job as the supervisor sees it: a gate for each of its blocks, and groups that stand in for silent ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from narthex.clock import Clock
from narthex.config.safety import DiscoverySafety
from narthex.discovery.gate import Gate, HeldUpdate, RestoredGroups
from narthex.discovery.provider import Provider
from narthex.discovery.snapshots import Snapshot
from narthex.model.targetgroup import SourcedGroup

__all__ = ["Subscriber"]


class Subscriber:
    """A job. All methods return whether the job's groups are others now, where they return a flag."""

    def __init__(
        self,
        job: str,
        clock: Clock,
        limits: DiscoverySafety | None,
        providers: Sequence[Provider],
        snapshots: Mapping[Provider, Snapshot | None],
    ) -> None:
        self.job = job
        self.limits = limits
        self.standins: tuple[SourcedGroup, ...] = ()
        self._clock = clock
        self._gates: dict[Provider, Gate] = {}
        self._fill(providers, snapshots)

    @property
    def providers(self) -> list[Provider]:
        """The job's blocks in configured order."""
        return list(self._gates)

    @property
    def gates(self) -> list[Gate]:
        """A gate for each block."""
        return list(self._gates.values())

    def groups(self) -> list[SourcedGroup]:
        """The groups in force, in the order of the blocks; the same objects as before where nothing changed."""
        own = [group for gate in self._gates.values() for group in gate.in_force]
        return [*own, *self.standins]

    def replace(self, providers: Sequence[Provider]) -> Sequence[Provider]:
        """Use other blocks; the old ones' groups stand in until all have published. Returns the blocks that went."""
        gone = [provider for provider in self._gates if provider not in providers]
        standins = (*(group for provider in gone for group in self._gates[provider].in_force), *self.standins)
        self._fill(providers, {})
        self.standins = standins if any(not provider.ledger.published for provider in providers) else ()
        return gone

    def limit(self, limits: DiscoverySafety | None) -> bool:
        """Use other limits."""
        self.limits = limits
        return sum(gate.limit(self._limits_of(provider)) for provider, gate in self._gates.items()) > 0

    def offer(self, provider: Provider) -> bool:
        """Take over what a block has published, as far as the limits let it through."""
        return self._gates[provider].offer()

    def confirm(self, provider: Provider) -> None:
        """A block has published, be it the same as before."""
        self._gates[provider].confirmed = True

    def settle(self, now: float) -> bool:
        """Judge the updates again whose hold has ended (``now``: monotonic seconds)."""
        return sum(gate.offer() for gate in self.gates if gate.due is not None and gate.due <= now) > 0

    def accept(self) -> int:
        """Let every held update through. Returns how many there were."""
        return sum([gate.accept() for gate in self._gates.values()])

    def release(self) -> bool:
        """Let the stand-ins go once every block has published."""
        if not self.standins or not all(provider.ledger.published for provider in self._gates):
            return False
        self.standins = ()
        return True

    @property
    def due(self) -> float | None:
        """When the next hold ends (monotonic seconds)."""
        return min((gate.due for gate in self._gates.values() if gate.due is not None), default=None)

    @property
    def held(self) -> list[HeldUpdate]:
        """Updates that wait."""
        return [gate.held for gate in self._gates.values() if gate.held is not None]

    @property
    def restored(self) -> list[RestoredGroups]:
        """Groups in force that come from disk."""
        return [gate.restored for gate in self._gates.values() if gate.restored is not None]

    def _limits_of(self, provider: Provider) -> DiscoverySafety | None:
        found = provider.contribution
        return self.limits and self.limits.for_kind(deliberate=found is not None and found.kind.deliberate)

    def _fill(self, providers: Sequence[Provider], snapshots: Mapping[Provider, Snapshot | None]) -> None:
        before = self._gates
        self._gates = {}
        for provider in providers:
            published = provider.ledger.published
            gate = before.get(provider)
            if gate is None:
                snapshot = None if published else snapshots.get(provider)
                gate = Gate(self.job, provider, self._clock, self._limits_of(provider), snapshot)
                if published:
                    gate.offer()
            self._gates[provider] = gate
