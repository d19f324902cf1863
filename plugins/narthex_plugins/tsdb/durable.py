"""How files get their names: written under a temporary one, synced, renamed, and the directory synced.

So a file with its final name is whole, whenever the power fails. What is found damaged all the same keeps its bytes
under another name, because somebody may want them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

__all__ = ["TEMPORARY", "finish_file", "replace_file", "set_aside", "sync_directory"]

TEMPORARY = ".tmp"
"""Ends the names of files that are being written; those that a crash left are removed at the next start."""


def sync_directory(path: Path) -> None:
    """Make renames and removals in a directory durable. Raises ``OSError``."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def finish_file(file: BinaryIO, temporary: Path, path: Path) -> None:
    """Sync a file that was written as ``temporary``, and give it its name. Raises ``OSError``."""
    file.flush()
    os.fsync(file.fileno())
    temporary.rename(path)
    sync_directory(path.parent)


def replace_file(path: Path, data: bytes) -> None:
    """Make ``data`` the whole content of a file. Raises ``OSError``; the file is the old one or the new one, whole."""
    temporary = path.with_name(path.name + TEMPORARY)
    try:
        with temporary.open("wb") as file:
            file.write(data)
            finish_file(file, temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def set_aside(path: Path) -> str:
    """Take a damaged file out of use: it gets ``.bad`` added to its name, which is returned. Raises ``OSError``."""
    return path.rename(path.with_name(f"{path.name}.bad")).name
