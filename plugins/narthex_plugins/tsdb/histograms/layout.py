"""Which buckets a histogram has, apart from how much is in them.

A series keeps its layout for thousands of samples, so it is stored once and samples refer to it by number. A sample is
then a row of plain numbers: count, sum, zero bucket, positive buckets, negative buckets.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from narthex.model.histogram import BARE_SIZE, NO_BUCKETS, Buckets, Hint, Histogram

__all__ = ["FIXED", "Layout", "Layouts", "layouts_from_bytes", "layouts_to_bytes"]

FIXED = 3
"""Numbers before the buckets: count, sum, zero bucket."""

_HINTS = tuple(Hint)
_Key = tuple[int, float, tuple[float, ...], bytes, bytes]


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Schema, zero threshold, custom bounds and the indices of both sides' buckets (int32)."""

    schema: int
    zero_threshold: float
    bounds: tuple[float, ...]
    positive: NDArray[np.int32]
    negative: NDArray[np.int32]

    @property
    def width(self) -> int:
        """Numbers in a sample."""
        return FIXED + len(self.positive) + len(self.negative)

    def equals(self, other: Layout) -> bool:
        """Whether both have the same buckets."""
        return self is other or (
            self.schema == other.schema
            and self.zero_threshold == other.zero_threshold
            and self.bounds == other.bounds
            and np.array_equal(self.positive, other.positive)
            and np.array_equal(self.negative, other.negative)
        )

    def histogram(self, numbers: NDArray[np.float64], hint: int) -> Histogram:
        """A sample from its row of numbers, of which it keeps views."""
        count, total, zero = numbers[:FIXED].tolist()
        middle = FIXED + len(self.positive)
        return Histogram(
            self.schema,
            self.zero_threshold,
            zero,
            count,
            total,
            Buckets(self.positive, numbers[FIXED:middle]) if len(self.positive) else NO_BUCKETS,
            Buckets(self.negative, numbers[middle:]) if len(self.negative) else NO_BUCKETS,
            self.bounds,
            _HINTS[hint],
        )


def weight_of(widths: NDArray[np.int64]) -> NDArray[np.int64]:
    """For about how many float samples rows of so many numbers count (:func:`narthex.model.histogram.sample_sizes`)."""
    return np.asarray(BARE_SIZE + (widths - FIXED + 1) // 2)


class Layouts:
    """Numbers layouts by first appearance."""

    def __init__(self, known: Sequence[Layout] = ()) -> None:
        self.all: list[Layout] = []
        self._numbers: dict[_Key, int] = {}
        for one in known:
            self.number(one)

    def of(self, histogram: Histogram) -> int:
        """The number of a histogram's layout."""
        return self.number(
            Layout(
                histogram.schema,
                histogram.zero_threshold,
                histogram.bounds,
                histogram.positive.index,
                histogram.negative.index,
            )
        )

    def number(self, layout: Layout) -> int:
        """The number of a layout, new or known."""
        key = (
            layout.schema,
            layout.zero_threshold,
            layout.bounds,
            layout.positive.tobytes(),
            layout.negative.tobytes(),
        )
        number = self._numbers.setdefault(key, len(self.all))
        if number == len(self.all):
            self.all.append(layout)
        return number


def layouts_to_bytes(layouts: Sequence[Layout]) -> bytes:
    """As JSON; floats keep every digit."""
    return json.dumps(
        [
            [one.schema, one.zero_threshold, list(one.bounds), one.positive.tolist(), one.negative.tolist()]
            for one in layouts
        ],
        separators=(",", ":"),
    ).encode()


def layouts_from_bytes(data: bytes) -> list[Layout]:
    """The inverse. Raises ``ValueError`` or ``TypeError`` when it makes no sense."""
    return [
        Layout(
            int(schema),
            float(threshold),
            tuple(map(float, bounds)),
            np.array(positive, dtype=np.int32),
            np.array(negative, dtype=np.int32),
        )
        for schema, threshold, bounds, positive, negative in json.loads(data)
    ]
