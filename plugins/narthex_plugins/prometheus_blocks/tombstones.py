"""The ``tombstones`` file: what was deleted and still lies in the chunks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from narthex_plugins.prometheus_blocks.section import MappedFile
from narthex_plugins.prometheus_blocks.varints import signed, uvarints

__all__ = ["read_tombstones"]

_MAGIC = 0x0130BA30


def read_tombstones(path: Path) -> Mapping[int, list[tuple[int, int]]]:
    """Deleted intervals (ms, both ends inclusive) by series reference; none where there is no file.

    Raises ``StorageError``.
    """
    if not path.exists():
        return {}
    file = MappedFile(path, _MAGIC, (1,))
    end = len(file) - 4
    file.check(5, end, "the tombstones")
    numbers, stops = uvarints(file.data[5:end])
    if len(numbers) % 3 or (len(stops) and int(stops[-1]) != end - 5):
        raise file.wrong(5, f"{len(numbers)} numbers are no intervals of series")
    found: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for reference, low, high in np.stack([numbers[::3], signed(numbers[1::3]), signed(numbers[2::3])], axis=1).tolist():
        found[reference].append((low, high))
    return found
