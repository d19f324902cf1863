"""What a query answers. Vectors and matrices stay columns: text and Python objects are made only when written out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from narthex.model.labeltable import LabelTable

__all__ = ["InstantVector", "QueryResult", "RangeVector", "Scalar", "String", "Value"]


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
    None; it is None itself where no sample is a histogram.
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
class QueryResult:
    """A value and the annotations found on the way, as the API words them, without repeats."""

    value: Value
    warnings: Sequence[str] = ()
    infos: Sequence[str] = ()
    samples: int = 0
