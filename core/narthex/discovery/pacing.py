"""When a change is handed on: at once after a pause, then ever more rarely while changes keep coming.

Each job has its own pace, so a discoverer that floods updates delays nobody else's.
"""

from __future__ import annotations

__all__ = ["Pacing"]

_GROWTH = 1.5
_CLOSE = 0.001
"""Seconds by which a turn may come early: a wait shorter than the clock can tell would end before it began."""


class Pacing:
    """Decides only; the caller says what time it is (monotonic seconds) and does the waiting."""

    def __init__(self, least: float, most: float) -> None:
        self._least = least
        self._most = most
        self._due: dict[str, float] = {}
        self._sent: dict[str, tuple[float, float]] = {}

    def mark(self, job: str, now: float) -> bool:
        """Note a change. Returns whether it has to wait for the pace; an earlier change's turn serves for it too."""
        if job in self._due:
            return False
        last, interval = self._sent.get(job, (now, 0.0))
        if now >= last + interval:
            self._due[job] = now
            self._sent[job] = (last, 0.0)
            return False
        self._due[job] = last + interval
        return True

    def take(self, now: float) -> frozenset[str]:
        """The jobs whose turn it is; they count as delivered."""
        ready = frozenset(job for job, due in self._due.items() if due <= now + _CLOSE)
        for job in ready:
            del self._due[job]
            _, interval = self._sent[job]
            self._sent[job] = (now, min(max(self._least, interval * _GROWTH), self._most))
        return ready

    def wait(self, now: float) -> float | None:
        """Seconds until the next turn; None without a change."""
        return max(0.0, min(self._due.values()) - now) if self._due else None

    def forget(self, job: str) -> None:
        """A job that is no more."""
        self._due.pop(job, None)
        self._sent.pop(job, None)
