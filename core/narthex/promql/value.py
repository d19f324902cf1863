"""What a query answers. Vectors and matrices stay columns: text and Python objects are made only when written out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from narthex.model.labeltable import LabelTable

__all__ = ["InstantVector", "QueryResult", "QueryStats", "RangeVector", "Scalar", "String", "Value"]


@dataclass(frozen=True, slots=True)
class Scalar:
    """One number at one time (ms)."""

    value: float
    time: int


@dataclass(frozen=True, slots=True)
class String:
    """One text at one time (ms)."""

    value: str
    time: int


@dataclass(frozen=True, slots=True)
class InstantVector:
    """One sample for each series: ``values`` is float64 ``[labels.rows]``; all at ``time`` (ms).

    The order of rows is the order of the answer (``sort`` and ``topk`` decide it; otherwise it has no meaning).
    ``histograms``, an object array of the same length, holds the :class:`Histogram` of each sample that is one, else
    None; it is None itself where no sample is a histogram. The value of a histogram is 0.
    """

    labels: LabelTable
    values: NDArray[np.float64]
    time: int
    histograms: NDArray[np.object_] | None = None


@dataclass(frozen=True, slots=True)
class RangeVector:
    """Samples of each series over time, as one flat run: series ``i`` owns ``offsets[i]`` … ``offsets[i + 1]``.

    ``offsets`` is int64 ``[labels.rows + 1]``, ``times`` int64 in ms, ``values`` float64 of the same length. Every
    series has at least one sample. ``histograms`` stands beside ``values`` as in :class:`InstantVector`.
    """

    labels: LabelTable
    offsets: NDArray[np.int64]
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    histograms: NDArray[np.object_] | None = None


Value = Scalar | String | InstantVector | RangeVector


@dataclass(frozen=True, slots=True)
class QueryStats:
    """What a query cost. Times are seconds, samples those read from the storage.

    ``peak`` is the largest set of samples held for one node. ``by_step`` (int64 ``[K]``) are the samples read for each
    step. ``prepared``, ``evaluated`` and ``sorted`` are the seconds spent on understanding the query, computing its
    value, and putting the answer in order.
    """

    samples: int = 0
    peak: int = 0
    by_step: NDArray[np.int64] | None = None
    prepared: float = 0.0
    evaluated: float = 0.0
    sorted: float = 0.0


@dataclass(frozen=True, slots=True)
class QueryResult:
    """A value and the annotations found on the way, as the API words them, without repeats."""

    value: Value
    warnings: Sequence[str] = ()
    infos: Sequence[str] = ()
    stats: QueryStats = field(default_factory=QueryStats)
