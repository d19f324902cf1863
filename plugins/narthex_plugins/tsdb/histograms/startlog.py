"""The log of start timestamps: changes only, so it stays small; written anew when most of it is past retention."""

from __future__ import annotations

from collections import deque
from pathlib import Path

from narthex.errors import StorageError
from narthex_plugins.tsdb import records
from narthex_plugins.tsdb.durable import replace_file
from narthex_plugins.tsdb.starts import StartTimes, read_starts, starts_payload
from narthex_plugins.tsdb.wal import Log

__all__ = ["StartLog"]

_WORTH = 10_000
"""Changes that must have come before it is worth looking which are past retention."""


class StartLog:
    """Keeps :class:`StartTimes` on disk. ``put`` is for the event loop, ``write`` for the thread that writes logs."""

    def __init__(self, directory: Path, times: StartTimes) -> None:
        self._path = directory / "starts.log"
        self._times = times
        self._queue: deque[list[tuple[int, int, int]]] = deque()
        self._log = Log(self._path, essential=True)
        self._after_pruning = 0
        self._rewrite: list[tuple[int, int, int]] | None = None

    def recover(self) -> tuple[list[int], StorageError | None]:
        """Replay the log: the references, and what was wrong with it."""
        damage: StorageError | None = None
        if self._path.exists():
            for record in records.records(self._path):
                if isinstance(record, records.Damage):
                    damage = StorageError(f"{self._path}: dropped the last {record.dropped} bytes")
                    break
                try:
                    self._times.restore(read_starts(record))
                except ValueError as error:
                    damage = StorageError(f"{self._path}: {error}")
                    break
        left = self._times.prune(-(1 << 62))
        self._after_pruning = len(left)
        if damage is not None:
            self._replace(left)
        self._log = Log(self._path, essential=True)
        return sorted({ref for ref, _, _ in left}), damage

    def put(self, changes: list[tuple[int, int, int]]) -> None:
        """Log changes."""
        self._queue.append(changes)

    def tidy(self, before: int) -> None:
        """Forget what concerns only samples older than ``before`` (ms), once there is enough of it."""
        if self._times.count > 2 * self._after_pruning + _WORTH:
            self._rewrite = self._times.prune(before)
            self._after_pruning = len(self._rewrite)

    def write(self, *, sync: bool) -> None:
        """Hand what waits to the kernel. Raises ``OSError``."""
        rewrite, self._rewrite = self._rewrite, None
        if rewrite is not None:
            self._log.close()
            self._replace(rewrite)
            self._log = Log(self._path, essential=True)
        while self._queue:
            changes = self._queue.popleft()
            if changes:
                self._log.put(starts_payload(changes))
        self._log.write()
        if sync:
            self._log.sync()

    @property
    def idle(self) -> bool:
        """Whether everything was handed over."""
        return not self._queue

    def close(self) -> None:
        """Take no more."""
        self._log.close()

    def _replace(self, changes: list[tuple[int, int, int]]) -> None:
        replace_file(self._path, records.frame(starts_payload(changes)) if changes else b"")
