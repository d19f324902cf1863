"""Query values as JSON bytes, written straight from the columns.

A result may hold millions of samples, so no Python object is made for each: numbers are printed an array at a time, a
timestamp once for all series that share it, and a label once for each distinct value.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from narthex.model.histogram import histogram_json
from narthex.model.labeltable import LabelTable
from narthex.model.number import plain_text, value_texts
from narthex.promql.value import InstantVector, RangeVector, Scalar, String, Value
from narthex.web.envelope import json_bytes

__all__ = ["encode_value", "metric_texts", "time_text"]


def time_text(time: int) -> str:
    """Milliseconds as Unix seconds with no or three decimals, as Prometheus writes timestamps."""
    sign, whole, rest = ("-" if time < 0 else ""), *divmod(abs(time), 1000)
    return f"{sign}{whole}.{rest:03}" if rest else f"{sign}{whole}"


def encode_value(value: Value) -> bytes:
    """The ``data`` of a query's answer: ``{"resultType": …, "result": …}``."""
    match value:
        case Scalar():  # unlike the values of series never with an exponent
            return f'{{"resultType":"scalar","result":[{time_text(value.time)},"{plain_text(value.value)}"]}}'.encode()
        case String():
            return f'{{"resultType":"string","result":[{time_text(value.time)},{_json(value.value)}]}}'.encode()
        case InstantVector():
            return _wrap("vector", _instant(value))
        case RangeVector():
            return _wrap("matrix", _range(value))


def metric_texts(table: LabelTable) -> list[str]:
    """Every row's label set as a JSON object, names in order."""
    rows = [""] * table.rows
    for name in sorted(table.columns):
        column = table.columns[name]
        codes = column.codes.tolist()
        start = f",{_json(name)}:"
        fragments = {code: start + _json(column.dictionary[code]) for code in set(codes) if code}
        fragments[0] = ""
        rows = [row + fragments[code] for row, code in zip(rows, codes, strict=True)]
    return [f"{{{row[1:]}}}" for row in rows]


def _json(text: str) -> str:
    return json_bytes(text).decode()


def _wrap(kind: str, parts: Iterable[str]) -> bytes:
    return f'{{"resultType":"{kind}","result":[{",".join(parts)}]}}'.encode()


def _instant(vector: InstantVector) -> Iterable[str]:
    time = time_text(vector.time)
    texts = value_texts(vector.values)
    held = vector.histograms if vector.histograms is not None else [None] * len(texts)
    for metric, value, histogram in zip(metric_texts(vector.labels), texts, held, strict=True):
        if histogram is None:
            yield f'{{"metric":{metric},"value":[{time},"{value}"]}}'
        else:
            yield f'{{"metric":{metric},"histogram":[{time},{histogram_json(histogram)}]}}'


def _range(vector: RangeVector) -> Iterable[str]:
    texts, offsets = value_texts(vector.values), vector.offsets.tolist()
    if vector.histograms is not None:
        samples = [head + text + '"]' for head, text in zip(_heads(vector.times), texts, strict=True)]
        return _mixed(vector, samples)
    runs = (tuple(texts[low:high]) for low, high in pairwise(offsets))
    return [
        f'{{"metric":{metric},"values":[{form % run}]}}'
        for metric, form, run in zip(metric_texts(vector.labels), _forms(vector), runs, strict=True)
    ]


def _forms(vector: RangeVector) -> Iterable[str]:
    """For each series its samples with ``%s`` for the values; made once where all series have the same times.

    They nearly always have, and filling in a form of 31 samples takes a sixth of joining as many texts.
    """
    rows = vector.labels.rows
    width = len(vector.times) // max(1, rows)
    first = vector.times[:width]
    if rows <= 1 or (
        (vector.offsets == np.arange(rows + 1) * width).all() and (vector.times.reshape(rows, -1) == first).all()
    ):
        return [",".join([f'[{time_text(time)},"%s"]' for time in first.tolist()])] * rows
    heads = _heads(vector.times)
    return (",".join([head + '%s"]' for head in heads[low:high]]) for low, high in pairwise(vector.offsets.tolist()))


def _heads(times: NDArray[np.int64]) -> list[str]:
    """What stands before each sample's value; a time that several series have is printed once."""
    distinct, which = np.unique(times, return_inverse=True)
    heads = [f'[{time_text(time)},"' for time in distinct.tolist()]
    return [heads[at] for at in which.tolist()]


def _mixed(vector: RangeVector, samples: list[str]) -> Iterable[str]:
    """Series of which some samples are histograms: ``values`` and ``histograms`` apart, each where there are any."""
    assert vector.histograms is not None
    held = [
        None if one is None else f"[{time_text(time)},{histogram_json(one)}]"
        for time, one in zip(vector.times.tolist(), vector.histograms, strict=True)
    ]
    for metric, (low, high) in zip(metric_texts(vector.labels), pairwise(vector.offsets.tolist()), strict=True):
        parts = [f'"metric":{metric}']
        floats = [text for text, other in zip(samples[low:high], held[low:high], strict=True) if other is None]
        histograms = [text for text in held[low:high] if text is not None]
        parts += [f'"values":[{",".join(floats)}]'] if floats else []
        parts += [f'"histograms":[{",".join(histograms)}]'] if histograms else []
        yield f"{{{','.join(parts)}}}"
