"""``meta.json``: what a block says of itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from narthex.errors import StorageError

__all__ = ["BlockMeta", "read_meta"]


@dataclass(frozen=True, slots=True)
class BlockMeta:
    """``min_time`` <= t < ``max_time``, ms since the epoch. ``level`` counts compactions, from 1."""

    ulid: str
    min_time: int
    max_time: int
    samples: int
    series: int
    chunks: int
    level: int
    sources: tuple[str, ...]


def read_meta(path: Path) -> BlockMeta:
    """Read a block's ``meta.json``. Raises ``StorageError``."""
    try:
        found: Any = json.loads(path.read_bytes())
        if found["version"] != 1:
            raise StorageError(f"{path}: version {found['version']} is not known, only 1")
        stats, compaction = found.get("stats", {}), found.get("compaction", {})
        return BlockMeta(
            str(found["ulid"]),
            int(found["minTime"]),
            int(found["maxTime"]),
            int(stats.get("numSamples", 0)),
            int(stats.get("numSeries", 0)),
            int(stats.get("numChunks", 0)),
            int(compaction.get("level", 1)),
            tuple(compaction.get("sources") or ()),
        )
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise StorageError(f"{path}: not the description of a block: {error!r}") from error
