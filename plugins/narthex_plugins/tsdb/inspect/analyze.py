"""Where the bytes and the series of a database come from: cardinality, churn, bytes for each sample.

Blocks are counted on label codes and page directories; no sample of theirs is decoded. The head has no directory of its
samples, so they are counted one by one, as a reader meets them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from narthex.model.labeltable import LabelTable
from narthex.model.matcher import Matcher
from narthex.storage.flat import pieces
from narthex.storage.frames import HistogramPoints, Points
from narthex_plugins.tsdb.blocks import Block
from narthex_plugins.tsdb.blocks.tables import joined
from narthex_plugins.tsdb.cardinality import Top, pairs, values, values_by_name
from narthex_plugins.tsdb.directory import Directory
from narthex_plugins.tsdb.reading import StoredTsdb
from narthex_plugins.tsdb.survey import Contents, survey

__all__ = ["Analysis", "MetricSize", "analyze"]

Tell = Callable[[str, int, int], None]
Ints = NDArray[np.int64]
_METRIC = "__name__"
_FOREVER = 1 << 62


@dataclass(frozen=True, slots=True)
class MetricSize:
    """Compressed values of a metric in blocks, without its share of times and index; and its samples in the head."""

    metric: str
    bytes: int
    samples: int
    series: int
    head_samples: int = 0


@dataclass(frozen=True, slots=True)
class Analysis:
    """Of all blocks, and of the head; ``series`` and lists are of both together. Times are ms.

    Lists are cut, largest first. ``churn`` counts for each label pair the series that do not cover the whole of their
    block: pairs that come and go.
    """

    blocks: int = 0
    series: int = 0
    samples: int = 0
    bytes: int = 0
    min_time: int = 0
    max_time: int = 0
    label_names: Top = ()
    label_pairs: Top = ()
    metrics: Top = ()
    churn: Top = ()
    sizes: Sequence[MetricSize] = field(default_factory=tuple)
    head_series: int = 0
    head_samples: int = 0
    head_bytes: int = 0
    head_min_time: int = 0
    head_max_time: int = 0


@dataclass(frozen=True, slots=True)
class _Counted:
    """Series of a part; for each its bytes, samples, and samples in the head; and whether it ended in its block."""

    table: LabelTable
    numbers: Ints
    ended: NDArray[np.bool_]


def analyze(path: Path, matchers: Sequence[Matcher], limit: int, tell: Tell) -> Analysis:
    """Count over the series that satisfy all matchers (none: all). Raises ``StorageError`` for no data directory."""
    contents = survey(path)
    blocks = contents.blocks
    parts = []
    for done, block in enumerate(blocks):
        tell("reading blocks", done, len(blocks))
        parts.append(_block(block, matchers))
        block.release()
    tell("reading the head", len(blocks), len(blocks))
    head, times = _head(contents, matchers)
    parts.append(head)
    table = joined([one.table for one in parts])
    counted = np.concatenate([one.numbers for one in parts], axis=1)
    ended = np.concatenate([one.ended for one in parts])
    distinct = table.take(table.group()[1])
    return Analysis(
        blocks=len(blocks),
        series=distinct.rows,
        samples=int(counted[1].sum()),
        bytes=sum(block.file.size for block in blocks),
        min_time=min((block.min_time for block in blocks), default=0),
        max_time=max((block.max_time for block in blocks), default=0),
        label_names=values_by_name(distinct, limit),
        label_pairs=pairs(distinct, limit),
        metrics=values(distinct, _METRIC, limit),
        churn=pairs(table.take(np.flatnonzero(ended)), limit),
        sizes=_sizes(table, counted, distinct, limit),
        head_series=head.table.rows,
        head_samples=int(head.numbers[2].sum()),
        head_bytes=Directory(path).head_bytes(),
        head_min_time=times[0],
        head_max_time=times[1],
    )


def _block(block: Block, matchers: Sequence[Matcher]) -> _Counted:
    series = block.match(matchers)
    columns, at = block.floats.locate(series)
    numbers = np.zeros((3, len(series)), dtype=np.int64)
    numbers[:2, at] = _column_bytes(block, columns), _column_rows(block, columns)
    starts = np.full(len(series), block.max_time)
    ends = np.full(len(series), block.min_time)
    starts[at], ends[at] = _column_span(block, columns)
    if block.histograms is not None:
        numbers[:2] += block.histograms.counted(series)
        first, last = block.histograms.span(series)
        starts, ends = np.minimum(starts, first), np.maximum(ends, last)
    slack = (block.max_time - block.min_time) // 10
    ended = (starts > block.min_time + slack) | (ends < block.max_time - slack)
    return _Counted(block.table(series), numbers, ended)


def _head(contents: Contents, matchers: Sequence[Matcher]) -> tuple[_Counted, tuple[int, int]]:
    """What no block holds yet, and the times of the first and the last sample of it."""
    selection = StoredTsdb(replace(contents, blocks=[])).select(matchers, 0, _FOREVER)
    samples = np.zeros(selection.labels.rows, dtype=np.int64)
    times = []
    several: list[Points | HistogramPoints] = [*pieces(selection, 0, _FOREVER), selection.histograms]
    for points in several:
        if len(points.times):
            samples += np.bincount(points.series, minlength=len(samples))
            times += [int(points.times.min()), int(points.times.max())]
    held = np.flatnonzero(samples)
    numbers = np.zeros((3, len(held)), dtype=np.int64)
    numbers[2] = samples[held]
    table = selection.labels.take(held)
    return _Counted(table, numbers, np.zeros(len(held), dtype=np.bool_)), (min(times, default=0), max(times, default=0))


def _column_bytes(block: Block, columns: Ints) -> Ints:
    filled = np.concatenate([[0], np.cumsum(block.floats.values.size, dtype=np.int64)])
    first = block.floats.first
    found: Ints = filled[first[columns + 1].astype(np.int64)] - filled[first[columns].astype(np.int64)]
    return found


def _column_rows(block: Block, columns: Ints) -> Ints:
    filled = np.concatenate([[0], np.cumsum(block.floats.rows, dtype=np.int64)])
    group, first = block.floats.group[columns], block.floats.group_first.astype(np.int64)
    found: Ints = filled[first[group + 1]] - filled[first[group]]
    return found


def _column_span(block: Block, columns: Ints) -> tuple[Ints, Ints]:
    """Where the columns begin and end."""
    group, first = block.floats.group[columns], block.floats.group_first.astype(np.int64)
    return block.floats.start[first[group]], block.floats.end[first[group + 1] - 1]


def _sizes(table: LabelTable, counted: Ints, distinct: LabelTable, limit: int) -> Sequence[MetricSize]:
    column = table.columns.get(_METRIC)
    if column is None:
        return ()
    size = len(column.dictionary)
    taken, samples, head = (np.bincount(column.codes, weights=one, minlength=size).astype(np.int64) for one in counted)
    series = np.bincount(distinct.columns[_METRIC].codes, minlength=size)
    order = np.lexsort((-head, -taken))[:limit].tolist()
    return [
        MetricSize(column.dictionary[code], *(int(one[code]) for one in (taken, samples, series, head)))
        for code in order
        if samples[code] or head[code]
    ]
