"""What a query of the library answers: label columns and flat arrays of samples, and their way into tables.

numpy is all it needs. pandas and pyarrow are imported by the methods that name them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from narthex.model.labels import Labels
from narthex.model.labeltable import LabelTable
from narthex.promql.value import InstantVector, QueryResult, RangeVector, Scalar, String

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["Answer"]

Kind = Literal["vector", "matrix", "scalar", "string"]


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """Samples of ``n`` series, series after series: series ``i`` owns ``offsets[i]`` … ``offsets[i + 1]``.

    * ``kind``: what the expression gives: ``vector`` (one sample for each series), ``matrix``, ``scalar`` (one sample
      of one series without labels), ``string`` (no sample; see ``text``).
    * ``labels``: the label sets as dictionary-encoded columns, one row for each series.
    * ``offsets``: int64 ``[n + 1]``; ``times``: int64, ms since the epoch; ``values``: float64 of the same length.
    * ``histograms``: object array beside ``values``, None where a sample is a float (the value of a histogram is NaN);
      None where all are.
    * ``warnings``, ``infos``: what the engine had to say, with the place in the expression.
    """

    kind: Kind
    labels: LabelTable
    offsets: NDArray[np.int64]
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    histograms: NDArray[np.object_] | None = None
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()
    text: str = ""

    @classmethod
    def of(cls, result: QueryResult) -> Answer:
        """The answer of an engine."""
        notes = tuple(result.warnings), tuple(result.infos)
        none, nothing = LabelTable(0, {}), np.zeros(0, dtype=np.int64)
        match result.value:
            case String(value=text):
                return cls("string", none, np.zeros(1, dtype=np.int64), nothing, np.zeros(0), None, *notes, text)
            case Scalar(value=value, time=time):
                one = LabelTable(1, {})
                return cls("scalar", one, np.arange(2), np.array([time]), np.array([value]), None, *notes)
            case InstantVector(labels=labels, values=values, time=time, histograms=histograms):
                times = np.full(labels.rows, time, dtype=np.int64)
                values = _floats(values, histograms)
                return cls("vector", labels, np.arange(labels.rows + 1), times, values, histograms, *notes)
            case RangeVector() as found:
                arrays = found.offsets, found.times, _floats(found.values, found.histograms), found.histograms
                return cls("matrix", found.labels, *arrays, *notes)

    def __len__(self) -> int:
        """Number of series."""
        return self.labels.rows

    def __iter__(self) -> Iterator[tuple[Labels, NDArray[np.int64], NDArray[np.float64]]]:
        """Labels, times and values of each series."""
        bounds = self.offsets.tolist()
        for row, labels in enumerate(self.labels.all_labels()):
            part = slice(bounds[row], bounds[row + 1])
            yield labels, self.times[part], self.values[part]

    def __repr__(self) -> str:
        what = repr(self.text) if self.kind == "string" else f"{len(self)} series, {len(self.times)} samples"
        return f"<Answer {self.kind}: {what}>"

    @property
    def owner(self) -> NDArray[np.int64]:
        """For each sample the row of its series: int64, beside ``times``."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    def matrix(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """``(times, values)``: all moments, int64 ``[k]``, and values, float64 ``[n, k]``, NaN where there is none."""
        moments, at = np.unique(self.times, return_inverse=True)
        values = np.full((len(self), len(moments)), np.nan)
        values[self.owner, at.reshape(-1)] = self.values
        return moments, values

    def to_pandas(self) -> pd.DataFrame:
        """One row for each sample: a categorical column for each label, ``time`` (UTC), ``value``, ``histogram``."""
        from narthex.library.tables import to_pandas

        return to_pandas(self)

    def to_arrow(self) -> pa.Table:
        """As :meth:`to_pandas`; labels are dictionaries, histograms structs (docs/reference/library.md)."""
        from narthex.library.tables import to_arrow

        return to_arrow(self)


def _floats(values: NDArray[np.float64], histograms: NDArray[np.object_] | None) -> NDArray[np.float64]:
    """NaN stands where a sample is a histogram; the engine leaves there whatever it likes."""
    if histograms is None:
        return values
    return np.where(np.array([one is None for one in histograms], dtype=np.bool_), values, np.nan)
