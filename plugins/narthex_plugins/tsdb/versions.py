"""A directory in another format version is refused before anything in it is touched.

Setting its files aside one by one, as damaged ones are, would leave a database that starts without its past.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from narthex.errors import StorageError
from narthex_plugins.tsdb import container, records
from narthex_plugins.tsdb.directory import Directory

__all__ = ["refuse_other_versions"]


def refuse_other_versions(directory: Directory) -> None:
    """Raises ``StorageError`` naming the first file that is whole and of another version, if there is one."""
    for path, version, known in _versions(directory):
        if version not in (None, known):
            raise StorageError(
                f"{path} is in format version {version}, and this program reads version {known} only: "
                "open the directory with the program that wrote it, or begin with an empty one"
            )


def _versions(directory: Directory) -> Iterator[tuple[Path, int | None, int]]:
    """Each file, its version (None where it is damaged or has gone), and the one that is known."""
    for one in (directory.blocks, directory.sealed, directory.path):
        for path in sorted(one.glob("*.nrx")):
            yield path, container.version_of(path), container.VERSION
    for path in sorted(directory.wal.glob("*-*.log")):
        yield path, _log_version(path), records.VERSION


def _log_version(path: Path) -> int | None:
    try:
        first = next(records.records(path), None)
        if first is None or isinstance(first, records.Damage) or first[:1] != records.HEADER:
            return None
        return int(json.loads(bytes(first[1:]))["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
