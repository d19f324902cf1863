"""A copy of a data directory that takes no room for what never changes, made while a server may be writing to it.

Blocks and sealed files are linked, or copied to another file system; logs are copied. They are taken in the order in
which samples move on, as a reader does (:mod:`narthex_plugins.tsdb.reading`), so that none is missed; what stands there
twice is sorted out by whoever opens the copy.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from narthex.errors import StorageError
from narthex_plugins.tsdb.directory import Directory
from narthex_plugins.tsdb.durable import TEMPORARY, sync_directory

__all__ = ["snapshot"]

Tell = Callable[[str, int, int], None]
_ATTEMPTS = 5


def snapshot(source: Path, target: Path, tell: Tell) -> int:
    """Make ``target``, which must not exist, a data directory with what ``source`` holds; returns the files in it.

    Without success there is no ``target``. Raises ``StorageError``.
    """
    if target.exists():
        raise StorageError(f"{target} exists already")
    if not any(one.is_dir() for one in (source / "sealed", source / "blocks")):
        raise StorageError(f"{source}: not a data directory")
    stage = Directory(target.with_name(target.name + TEMPORARY))
    try:
        for _ in range(_ATTEMPTS):
            shutil.rmtree(stage.path, ignore_errors=True)
            for one in (stage.wal, stage.sealed, stage.blocks):
                one.mkdir(parents=True)
            before = _identity(source)
            files = _Copy(Directory(source), stage, tell).run()
            if files is not None and _identity(source) == before:
                stage.path.rename(target)
                sync_directory(target.parent)
                return files
        raise StorageError(f"{source}: files change faster than they can be copied")
    except OSError as error:
        raise StorageError(f"cannot copy {source} to {target}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(stage.path, ignore_errors=True)


class _Copy:
    """One attempt."""

    def __init__(self, source: Directory, target: Directory, tell: Tell) -> None:
        self._source = source
        self._target = target
        self._tell = tell
        self._done = 0

    def run(self) -> int | None:
        """The number of files; None when a block moved on under our hands."""
        source, target = self._source, self._target
        logs = sorted(source.wal.glob("*.log"), key=lambda one: (one == source.series_log, one.name))
        for path in logs:  # the series last: rows name series that stand there already
            self._take(path, target.wal, _copied)
        self._take(source.tombstones, target.path, _copied)
        for path in sorted(source.sealed.glob("*.nrx")):
            self._take(path, target.sealed, _linked)
        blocks = sorted(source.blocks.glob("*.nrx"))
        return self._done if all(self._take(path, target.blocks, _linked) for path in blocks) else None

    def _take(self, path: Path, directory: Path, how: Callable[[Path, Path], None]) -> bool:
        self._tell("copying", self._done, 0)
        try:
            how(path, directory / path.name)
        except FileNotFoundError:
            return False  # it has moved on, and is met in its next form
        self._done += 1
        return True


def _copied(path: Path, target: Path) -> None:
    shutil.copyfile(path, target)
    with target.open("rb") as file:
        os.fsync(file.fileno())


def _linked(path: Path, target: Path) -> None:
    try:
        target.hardlink_to(path)
    except FileNotFoundError:
        raise
    except OSError:  # another file system, or one without links
        _copied(path, target)


def _identity(source: Path) -> int:
    try:
        return (source / "wal/series.log").stat().st_ino
    except FileNotFoundError:
        return 0
