"""The data directory: who may use it, and where things lie in it.

::

    lock            held with flock while a server runs; removed when it stops cleanly
    wal/            series.log, metadata.log, slab-NNNNNNNN.log, points-NNNNNNNN.log, histograms-NNNNNNNN.log
    sealed/         slab-NNNNNNNN.nrx, points-NNNNNNNN.nrx, histograms-NNNNNNNN.nrx; a damaged one gets .bad added
    blocks/         block-NNNNNNNN.nrx
    tombstones.nrx  what was deleted and is not yet removed
    snapshots/      copies that were asked for
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from contextlib import suppress
from pathlib import Path

from narthex.errors import StorageError
from narthex_plugins.tsdb.durable import TEMPORARY

__all__ = ["Directory"]

_TAKES_NOTHING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})
"""What a disk says that is full, read-only or broken. Anything else is a mistake in how the server was set up."""


def size_of(path: Path) -> int:
    """Bytes of a file; 0 when it has just gone."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


class Directory:
    """One directory, to be locked before anything in it is touched."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.wal = path / "wal"
        self.series_log = self.wal / "series.log"
        self.metadata_log = self.wal / "metadata.log"
        self.sealed = path / "sealed"
        self.blocks = path / "blocks"
        self.stage = path / f"import{TEMPORARY}"
        """Where an import keeps what is not complete."""
        self.tombstones = path / "tombstones.nrx"
        self.clean = True
        """Whether the last user of the directory stopped cleanly."""
        self.refused: OSError | None = None
        """What the disk said that took nothing when the server started."""
        self._fd = -1

    def refuse(self, error: OSError) -> None:
        """Bear an error of a disk that takes nothing: alerts need the server all the same. Raises any other error."""
        if error.errno not in _TAKES_NOTHING:
            raise error
        self.refused = self.refused or error

    def make(self) -> None:
        """Make the directories that are not there. Raises ``OSError``."""
        self.wal.mkdir(parents=True, exist_ok=True)
        self.sealed.mkdir(exist_ok=True)
        self.blocks.mkdir(exist_ok=True)

    def lock(self) -> None:
        """Make the directories and take the lock. Raises ``StorageError`` when another process has it."""
        try:
            self._make_or_bear()
            self.clean = not (self.path / "lock").exists()
            self._fd = self._open_lock()
        except OSError as error:
            raise StorageError(f"cannot use data directory {self.path}: {error.strerror}") from error
        if self._fd < 0:
            return
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = self._owner()
            os.close(self._fd)
            self._fd = -1
            raise StorageError(f"data directory {self.path} is in use by another server{owner}") from error
        if self.refused is None:
            try:
                os.ftruncate(self._fd, 0)
                os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)
            except OSError as error:
                self.refuse(error)

    def _make_or_bear(self) -> None:
        try:
            self.make()
        except OSError as error:
            self.refuse(error)

    def _open_lock(self) -> int:
        """The lock's file; where the disk takes none, the directory itself, which can be locked, too; or -1."""
        try:
            return os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            if error.errno != errno.ENOENT or self.refused is None:  # else there is no directory, and none can be made
                self.refuse(error)
        for path in (self.path / "lock", self.path):
            with suppress(FileNotFoundError):
                return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        return -1

    def _owner(self) -> str:
        with suppress(OSError):  # the directory cannot be read like a file
            owner = os.pread(self._fd, 32, 0).decode(errors="replace").strip()
            return f" (process {owner})" if owner else ""
        return ""

    def unlock(self) -> None:
        """Give the lock back after a clean stop. Safe without ``lock``."""
        if self._fd >= 0:
            with suppress(OSError):
                (self.path / "lock").unlink()
            os.close(self._fd)
            self._fd = -1

    def remove_temporary(self) -> list[Path]:
        """Remove what a crash left half written; returns it."""
        found = [path for one in (self.wal, self.sealed, self.blocks) for path in one.glob(f"*{TEMPORARY}")]
        found += [path for kind in ("nrx", "json") for path in self.path.glob(f"*.{kind}{TEMPORARY}")]
        try:
            for path in found:
                path.unlink()
        except OSError as error:
            self.refuse(error)
            return []
        if self.stage.exists():  # of an import that was killed; one that goes on has the lock
            shutil.rmtree(self.stage, ignore_errors=True)
            found.append(self.stage)
        return found

    def slab(self, number: int) -> Path:
        """The file of a sealed slab."""
        return self.sealed / f"slab-{number:08d}.nrx"

    def points(self, number: int) -> Path:
        """The file of sealed points."""
        return self.sealed / f"points-{number:08d}.nrx"

    def histograms(self, number: int) -> Path:
        """The file of sealed histograms."""
        return self.sealed / f"histograms-{number:08d}.nrx"

    def head_bytes(self) -> int:
        """Bytes of the files that are no blocks."""
        return sum(size_of(path) for one in (self.wal, self.sealed) if one.exists() for path in one.iterdir())

    def last_number(self) -> int:
        """The largest number any file has; 0 without files."""
        files = [path for one in (self.wal, self.sealed, self.blocks) for path in one.glob("*-*")]
        numbers = [path.name.split("-")[1].split(".")[0] for path in files]
        return max((int(number) for number in numbers if number.isdigit()), default=0)
