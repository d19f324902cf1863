"""Answers as tables of pandas and pyarrow: label columns stay dictionaries, samples stay arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from narthex.errors import MissingExtraError
from narthex.model.histogram import Histogram
from narthex.model.labeltable import Column

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from narthex.library.answer import Answer

__all__ = ["histogram_type", "histogram_values", "label_names", "to_arrow", "to_pandas"]

_OWN = ("time", "value", "histogram")


def to_pandas(answer: Answer) -> pd.DataFrame:
    """See :meth:`narthex.library.Answer.to_pandas`."""
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtraError("to_pandas() needs pandas (pip install pandas)") from error
    owner = answer.owner
    columns: dict[str, Any] = {}
    for name, column in _columns(answer):
        codes, values = _used(column)
        columns[name] = pd.Categorical.from_codes(codes[owner], categories=pd.Index(values, dtype=object))
    columns["time"] = pd.to_datetime(answer.times, unit="ms", utc=True)
    columns["value"] = answer.values
    if answer.histograms is not None:
        columns["histogram"] = answer.histograms
    return pd.DataFrame(columns)


def to_arrow(answer: Answer) -> pa.Table:
    """See :meth:`narthex.library.Answer.to_arrow`."""
    try:
        import pyarrow as pa
    except ImportError as error:
        raise MissingExtraError("to_arrow() needs pyarrow (pip install 'narthex[parquet]')") from error
    owner = answer.owner
    columns: dict[str, Any] = {}
    for name, column in _columns(answer):
        codes, values = _used(column)
        here = codes[owner]
        indices = pa.array(here, mask=here < 0)
        columns[name] = pa.DictionaryArray.from_arrays(indices, pa.array(values, pa.string()))
    columns["time"] = pa.array(answer.times, pa.timestamp("ms", "UTC"))
    if answer.histograms is None:
        columns["value"] = pa.array(answer.values)
    else:
        columns["value"] = pa.array(answer.values, mask=np.array([one is not None for one in answer.histograms]))
        columns["histogram"] = pa.array(histogram_values(answer.histograms), histogram_type())
    return pa.table(columns)


def label_names(names: Mapping[str, object]) -> dict[str, str]:
    """The column of each label: its own name, with ``label_`` before it where a table has such a column already."""
    return {name: f"label_{name}" if name in _OWN else name for name in sorted(names)}


def histogram_type() -> pa.DataType:
    """How a native histogram is written: buckets as lists of index and count."""
    import pyarrow as pa

    buckets = pa.list_(pa.struct([("index", pa.int32()), ("count", pa.float64())]))
    return pa.struct(
        [
            ("schema", pa.int8()),
            ("zero_threshold", pa.float64()),
            ("zero_count", pa.float64()),
            ("count", pa.float64()),
            ("sum", pa.float64()),
            ("positive", buckets),
            ("negative", buckets),
            ("bounds", pa.list_(pa.float64())),
        ]
    )


def histogram_values(histograms: NDArray[np.object_]) -> list[dict[str, Any] | None]:
    """Values of that type; None stays None."""
    return [None if one is None else _plain(one) for one in histograms]


def _plain(one: Histogram) -> dict[str, Any]:
    sides = {"positive": one.positive, "negative": one.negative}
    return {
        "schema": one.schema,
        "zero_threshold": one.zero_threshold,
        "zero_count": one.zero_count,
        "count": one.count,
        "sum": one.sum,
        "bounds": list(one.bounds),
        **{name: [{"index": i, "count": count} for i, count in side.pairs()] for name, side in sides.items()},
    }


def _columns(answer: Answer) -> Iterator[tuple[str, Column]]:
    for name, shown in label_names(answer.labels.columns).items():
        yield shown, answer.labels.columns[name]


def _used(column: Column) -> tuple[NDArray[np.int32], list[str]]:
    """Codes from 0 over the values in use, -1 where the label is absent; the stored dictionary may be far larger."""
    used, codes = np.unique(column.codes, return_inverse=True)
    codes = codes.reshape(-1)
    if len(used) and not used[0]:
        used, codes = used[1:], codes - 1
    return codes.astype(np.int32), [column.dictionary[code] for code in used.tolist()]
