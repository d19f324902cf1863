"""One label of the series table: an append-only dictionary of values, and a code for each reference."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from narthex_plugins.tsdb.blocks.hashing import pair_hash
from narthex_plugins.tsdb.memory import grown

__all__ = ["LabelColumn"]

Ints = NDArray[np.int64]
Codes = NDArray[np.int32]

_SLACK = 1024
"""A dictionary is made anew when it holds more than twice the values in use, and so many more."""


class LabelColumn:
    """One label name: ``values[codes[ref]]`` is the value of a series; ``values[0]`` is ``""``.

    What belongs to codes stands in one object, so that a reader who has it reads one numbering throughout: when values
    are forgotten, another column takes its place.
    """

    __slots__ = ("codes", "hashes", "index", "label_names", "name", "postings", "values")

    def __init__(self, name: str, capacity: int) -> None:
        self.name = name
        self.values: list[str] = [""]
        self.index: dict[str, int] = {"": 0}
        self.hashes: NDArray[np.uint64] = np.zeros(16, dtype=np.uint64)
        """By code: the hash of name and value."""
        self.codes: Codes = grown(np.zeros(1, dtype=np.int32), capacity)
        self.postings: dict[int, Any] = {}
        """Roaring bitmap of references by code; kept for metric names only."""
        self.label_names: dict[int, set[str]] = {}
        """By code of a metric name the label names its series have."""

    def code(self, value: str) -> int:
        """The code of a value, new or known."""
        code = self.index.get(value)
        if code is None:
            code = len(self.values)
            if code >= len(self.hashes):
                self.hashes = grown(self.hashes, code + 1)
            self.hashes[code] = pair_hash(self.name, value)
            self.values.append(value)
            self.index[value] = code
        return code

    def at(self, refs: Ints) -> Codes:
        """The codes of these series (ascending). A run without gaps, such as all of them, is a view."""
        first, last = (int(refs[0]), int(refs[-1])) if len(refs) else (0, -1)
        return self.codes[first : last + 1] if last - first + 1 == len(refs) else self.codes[refs]

    def tightened(self) -> LabelColumn | None:
        """A column with the values in use only, or None when most of them are."""
        used = np.unique(self.codes)
        if len(self.values) <= 2 * len(used) + _SLACK:
            return None
        column = LabelColumn(self.name, 1)
        translation = np.zeros(len(self.values), dtype=np.int32)
        for code in used.tolist():
            translation[code] = column.code(self.values[code])
        column.codes = grown(np.zeros(1, dtype=np.int32), len(self.codes))
        column.codes[:] = translation[self.codes]
        column.postings = {int(translation[code]): one for code, one in self.postings.items() if code in used}
        column.label_names = {int(translation[code]): one for code, one in self.label_names.items() if code in used}
        return column
