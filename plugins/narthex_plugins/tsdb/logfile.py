"""One log on disk: records are put in front of it, written when somebody says so, and synced when somebody says so.

After a sync that failed, the kernel may call clean what never reached the disk. So everything since the last good sync
is kept until the next one, and written again when there was none.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from narthex_plugins.tsdb import records
from narthex_plugins.tsdb.durable import replace_file, sync_directory

__all__ = ["Log"]

_MOST_WAITING = 32 << 20
"""Bytes a log may hold back while the disk refuses them."""


class Log:
    """One file that only grows. A failed write is undone, so the file always ends with a whole record."""

    def __init__(self, path: Path, *, essential: bool = False) -> None:
        self.path = path
        self.essential = essential
        self.closed = False
        self.lost = False
        self.doubtful = False
        """The file may end with half a record, or a sync failed, and what is not durable has not been written again."""
        self._waiting: list[bytes] = []
        self._bytes = 0
        self._unsynced: list[bytes] = []
        self._size = path.stat().st_size if path.exists() else 0
        self._named = path.exists()
        self._fd = -1
        self._in_use = threading.Lock()  # the file by a sync: it must not be closed meanwhile

    @property
    def dirty(self) -> bool:
        """Whether something was written and not synced."""
        return bool(self._unsynced)

    def put(self, payload: bytes) -> None:
        """Add a record to what is written next."""
        if self.closed or self.lost:
            return
        record = records.frame(payload)
        self._waiting.append(record)
        self._bytes += len(record)

    def write(self) -> None:
        """Hand everything that waits to the kernel. Raises ``OSError``, and keeps it, when that fails."""
        if self.doubtful:
            self._go_back()
        if not self._waiting:
            return
        data = b"".join(self._waiting)
        try:
            if self._fd < 0:
                self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            _write_all(self._fd, data)
        except OSError:
            self._undo()
            if self._bytes > _MOST_WAITING:
                self.lose()
            raise
        self._size += len(data)
        self._unsynced.append(data)
        self._clear()

    def rewrite(self, payloads: Sequence[bytes]) -> None:
        """Begin the file anew with these records. Raises ``OSError``; then the old file goes on."""
        self.write()
        data = b"".join(map(records.frame, payloads))
        with self._in_use:
            replace_file(self.path, data)
            self._let_go()
            self._unsynced.clear()
            self._size = len(data)
            self.doubtful = False

    def sync(self) -> None:
        """Make what was written durable. Raises ``OSError``; then what is not durable is written again."""
        with self._in_use:
            done = len(self._unsynced)  # a write may come while the sync goes on
            if not done or self._fd < 0 or self.doubtful:
                return
            try:
                os.fsync(self._fd)
                if not self._named:
                    sync_directory(self.path.parent)
                    self._named = True
            except OSError:
                self.doubtful = True
                raise
            del self._unsynced[:done]

    def lose(self) -> None:
        """Give up what waits, and take no more, unless all else depends on this log."""
        if not self.essential:
            self.lost = True
            self._clear()

    def close(self) -> None:
        """Take no more records."""
        with self._in_use:
            self.closed = True
            self._clear()
            self._unsynced.clear()
            self._let_go()

    def _undo(self) -> None:
        """Cut off half of a write."""
        if self._fd >= 0:
            try:
                os.ftruncate(self._fd, self._size)
            except OSError:
                self.doubtful = True

    def _go_back(self) -> None:
        """Cut off what may not have reached the disk, and put it in front of what waits."""
        data = b"".join(self._unsynced)
        with suppress(*([FileNotFoundError] if self._size == len(data) else [])):
            os.truncate(self.path, self._size - len(data))
        self._size -= len(data)
        self._let_go()
        self._unsynced.clear()
        self._waiting.insert(0, data)
        self._bytes += len(data)
        self.doubtful = False

    def _let_go(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _clear(self) -> None:
        self._waiting.clear()
        self._bytes = 0


def _write_all(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]
