"""Writes OpenMetrics text that this database, promtool and other tools import: a line for each sample.

The types of metrics are not stored with the samples, so there are no ``# TYPE`` lines: every family is of unknown type,
which the format allows. It has no way to write a native histogram, a series without a name, or the marker that a
series ended.
"""

from __future__ import annotations

import re
from typing import BinaryIO, NamedTuple

from narthex.model.labels import Labels, quote
from narthex.model.number import value_texts
from narthex.storage.protocol import StorageReader
from narthex_plugins.tsdb.transfer.reading import Piece, Tell, Wanted, read

__all__ = ["Written", "export_openmetrics", "series_text"]

_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*").fullmatch
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*").fullmatch


class Written(NamedTuple):
    """How many samples were written; and left out, because they are native histograms or have no metric name."""

    samples: int
    histograms: int
    nameless: int


def export_openmetrics(data: StorageReader, wanted: Wanted, file: BinaryIO, tell: Tell) -> Written:
    """Write what is wanted and the end mark."""
    written = histograms = nameless = 0
    for piece in read(data, wanted, tell):
        histograms += len(piece.histograms)
        if all("__name__" in one for one in piece.labels):  # pieces are of one metric
            file.write(_lines(piece))
            written += len(piece.floats.times)
        else:
            nameless += len(piece.floats.times)
    file.write(b"# EOF\n")
    return Written(written, histograms, nameless)


def series_text(labels: Labels) -> str:
    """A series as it stands in the format; names that need quotes stand in the braces."""
    metric = labels.get("__name__", "")
    parts = [f"{n if _LABEL(n) else quote(n)}={quote(v)}" for n, v in labels.items() if n != "__name__"]
    if metric and not _METRIC(metric):
        metric, parts = "", [quote(metric), *parts]
    return f"{metric}{{{','.join(parts)}}}" if parts or not metric else metric


def _lines(piece: Piece) -> bytes:
    points = piece.floats
    if not len(points.times):
        return b""
    names = [series_text(one) for one in piece.labels]
    owner = [names[at] for at in points.series.tolist()]
    # Milliseconds as seconds: the shortest digits that read back the same have three decimals at most.
    times = value_texts(points.times / 1000)
    values = value_texts(points.values)
    lines = [f"{name} {value} {time}" for name, value, time in zip(owner, values, times, strict=True)]
    return ("\n".join(lines) + "\n").encode()
