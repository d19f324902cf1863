"""What one discoverer has published and how it fares: written by its lane, read by the main loop, under one lock.

The latest state wins; a wake-up is sent once until the reader has come, however many updates arrive. So a discoverer
that floods updates costs its own time and one small entry, never a queue.

Every run has a number. What an older run still says, because it swallowed its cancellation or was left behind on a
blocked lane, is not heard.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Lock

from narthex.clock import Clock
from narthex.discovery.sameness import with_known
from narthex.discovery.state import State
from narthex.model.targetgroup import TargetGroup

__all__ = ["Ledger", "News"]


@dataclass(frozen=True, slots=True)
class News:
    """What happened since the reader last came."""

    changed: bool
    received: int
    failures: Counter[str]
    skipped: int = 0


class Ledger:
    """The record of one discoverer. ``wake`` must be callable from any thread and return at once."""

    def __init__(self, clock: Clock, wake: Callable[[], None]) -> None:
        self._clock = clock
        self._wake = wake
        self._lock = Lock()
        self._run = 0
        self._first = True
        self._groups: dict[str, TargetGroup] = {}
        self._state = State.STARTING
        self._blocked = self._failing = False
        self._changed = self._woken = False
        self._received = self._skipped = 0
        self._unread: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._troubles: dict[str, str] = {}
        self._built = 0
        self.last_error = ""
        self.last_success: float | None = None
        self.restarts = 0
        self.skipped = ""
        """What was wrong with the entries that were left out of the newest publish; empty where nothing was."""
        self.published = False
        """Whether anything was ever published, or the discoverer finished: then its groups can be relied on."""

    # --- written by the lane -----------------------------------------------------------------------------------------

    def begin(self) -> int:
        """A run starts. Returns its number; its first publish replaces everything published before."""
        with self._lock:
            self.restarts += self._run > 0
            self._run += 1
            self._first = True
            self._troubles.clear()
            return self._run

    def hearer(self) -> Callable[[str, str], None]:
        """Where a newly built discoverer tells its troubles; the one built before it is heard no more."""
        self._built += 1
        return partial(self._trouble, self._built)

    def _trouble(self, built: int, part: str, reason: str) -> None:
        with self._lock:
            if built != self._built or self._troubles.get(part, "") == reason:
                return
            if reason:
                self._failures["degraded"] += 1
                self._unread["degraded"] += 1
                self._troubles[part] = reason
                self.last_error = f"{part}: {reason}"
            else:
                del self._troubles[part]
        self._tell()

    def publish(self, run: int, groups: Sequence[TargetGroup], skipped: Sequence[str] = ()) -> bool:
        """Take groups over; equal ones change nothing. Returns whether this ends a time of failures.

        ``skipped`` tells what was wrong with each entry that was left out.
        """
        before = self._groups  # comparing takes its time, and the main loop must not wait for the lock so long
        groups = [with_known(one, before[one.source]) if one.source in before else one for one in groups]
        with self._lock:
            if run != self._run or self._state is State.STOPPED:
                return False
            recovered, self._failing = self._failing, False
            changed = self._merge(groups)
            self._first = False
            self._changed |= changed or not self.published
            self._received += 1
            self._skipped += len(skipped)
            self.skipped = f"{len(skipped)} entries left out, the first: {skipped[0]}" if skipped else ""
            self._state = State.OK
            self.published = True
            self.last_success = self._clock.now()
        self._tell()
        return recovered

    def _merge(self, groups: Sequence[TargetGroup]) -> bool:
        before = self._groups
        after = {} if self._first else dict(before)
        for group in groups:
            if group.is_retraction:
                after.pop(group.source, None)
                continue
            after[group.source] = group
        self._groups = after
        return after != before

    def fail(self, run: int, reason: str, error: str, *, state: State | None = State.RETRYING) -> bool:
        """Note a failure; returns whether it is the first after things went well. ``state`` None leaves the state."""
        with self._lock:
            if run != self._run or self._state is State.STOPPED:
                return False
            first, self._failing = not self._failing, True
            self._failures[reason] += 1
            self._unread[reason] += 1
            self.last_error = error
            if state is not None:
                self._state = state
        self._tell()
        return first

    def finish(self, run: int) -> None:
        """The discoverer returned: what it published is final."""
        with self._lock:
            if run != self._run or self._state is State.STOPPED:
                return
            if self._first:  # the full set it did not publish is the empty one
                self._changed |= bool(self._groups) or not self.published
                self._groups = {}
            self._state = State.FINISHED
            self.published = True
        self._tell()

    # --- written and read by the main loop ---------------------------------------------------------------------------

    @property
    def run(self) -> int:
        """The number of the present run."""
        return self._run

    @property
    def state(self) -> State:
        """How it fares."""
        with self._lock:
            if self._blocked and self._state is not State.STOPPED:
                return State.BLOCKED
            return State.DEGRADED if self._troubles and self._state is State.OK else self._state

    @property
    def settled(self) -> bool:
        """Whether it has published or failed once, so that waiting for it is over."""
        with self._lock:
            return self.published or self._blocked or bool(self._failures)

    def groups(self) -> tuple[TargetGroup, ...]:
        """The groups in force."""
        with self._lock:
            return tuple(self._groups.values())

    def troubles(self) -> tuple[tuple[str, str], ...]:
        """Parts of the source that cannot be asked, and why."""
        with self._lock:
            return tuple(self._troubles.items())

    def failures(self) -> dict[str, int]:
        """Failures by reason since the start."""
        with self._lock:
            return dict(self._failures)

    def set_blocked(self, *, blocked: bool) -> None:
        """Whether its code keeps the event loop right now."""
        with self._lock:
            self._blocked = blocked

    def stop(self) -> None:
        """Hear nothing more."""
        with self._lock:
            self._state = State.STOPPED

    def take(self) -> News:
        """What is new; the next change wakes the reader again."""
        with self._lock:
            news = News(self._changed, self._received, self._unread, self._skipped)
            self._changed = self._woken = False
            self._received = self._skipped = 0
            self._unread = Counter()
            return news

    def _tell(self) -> None:
        with self._lock:
            if self._woken:
                return
            self._woken = True
        self._wake()
