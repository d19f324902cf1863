"""Where the bytes and the series of blocks come from: cardinality, churn, bytes for each sample.

Everything is counted on label codes and page directories; no sample is decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from narthex.model.labels import quote
from narthex.model.labeltable import LabelTable
from narthex.model.matcher import Matcher
from narthex_plugins.tsdb.blocks import Block
from narthex_plugins.tsdb.blocks.tables import joined

__all__ = ["Analysis", "MetricSize", "analyze"]

Tell = Callable[[str, int, int], None]
Ints = NDArray[np.int64]
Top = Sequence[tuple[str, int]]
_METRIC = "__name__"


@dataclass(frozen=True, slots=True)
class MetricSize:
    """Compressed values of a metric, without its share of times and index."""

    metric: str
    bytes: int
    samples: int
    series: int


@dataclass(frozen=True, slots=True)
class Analysis:
    """Of all blocks together; lists are cut, largest first. Times are ms.

    ``churn`` counts for each label pair the series that do not cover the whole of their block: pairs that come and go.
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


def analyze(blocks: Sequence[Block], matchers: Sequence[Matcher], limit: int, tell: Tell) -> Analysis:
    """Count over the series of the blocks that satisfy all matchers (none: all series)."""
    tables: list[LabelTable] = []
    churned: list[NDArray[np.bool_]] = []
    parts: list[NDArray[np.int64]] = []
    for done, block in enumerate(blocks):
        tell("reading blocks", done, len(blocks))
        series = block.match(matchers)
        tables.append(block.table(series))
        columns, at = block.floats.locate(series)
        part = np.zeros((2, len(series)), dtype=np.int64)  # bytes and samples
        part[:, at] = _column_bytes(block, columns), _column_rows(block, columns)
        parts.append(part)
        ended = np.zeros(len(series), dtype=np.bool_)
        ended[at] = _ended(block, columns)
        churned.append(ended)
        block.release()
    if not tables:
        return Analysis()
    table = joined(tables)
    counted, flags = np.concatenate(parts, axis=1), np.concatenate(churned)
    distinct = table.take(table.group()[1])
    return Analysis(
        blocks=len(blocks),
        series=distinct.rows,
        samples=int(counted[1].sum()),
        bytes=sum(block.file.size for block in blocks),
        min_time=min(block.min_time for block in blocks),
        max_time=max(block.max_time for block in blocks),
        label_names=_top(((name, _used(one.codes)) for name, one in distinct.columns.items()), limit),
        label_pairs=_pairs(distinct, limit),
        metrics=_values(distinct, _METRIC, limit),
        churn=_pairs(table.take(np.flatnonzero(flags)), limit),
        sizes=_sizes(table, counted, distinct, limit),
    )


def _column_bytes(block: Block, columns: Ints) -> Ints:
    values = block.floats.values
    filled = np.concatenate([[0], np.cumsum(values.size, dtype=np.int64)])
    first = block.floats.first
    found: Ints = filled[first[columns + 1].astype(np.int64)] - filled[first[columns].astype(np.int64)]
    return found


def _column_rows(block: Block, columns: Ints) -> Ints:
    filled = np.concatenate([[0], np.cumsum(block.floats.rows, dtype=np.int64)])
    group, first = block.floats.group[columns], block.floats.group_first.astype(np.int64)
    found: Ints = filled[first[group + 1]] - filled[first[group]]
    return found


def _ended(block: Block, columns: Ints) -> NDArray[np.bool_]:
    """Series that begin later or end sooner than their block by more than a tenth of it."""
    group, first = block.floats.group[columns], block.floats.group_first.astype(np.int64)
    begin, end = block.floats.start[first[group]], block.floats.end[first[group + 1] - 1]
    slack = (block.max_time - block.min_time) // 10
    found: NDArray[np.bool_] = (begin > block.min_time + slack) | (end < block.max_time - slack)
    return found


def _used(codes: NDArray[np.int32]) -> int:
    return int(np.count_nonzero(np.bincount(codes)[1:]))


def _values(table: LabelTable, name: str, limit: int) -> Top:
    column = table.columns.get(name)
    if column is None:
        return ()
    counts = np.bincount(column.codes, minlength=1)
    counts[0] = 0
    order = np.argsort(-counts, kind="stable")[: limit + 1].tolist()
    return _top(((column.dictionary[code], int(counts[code])) for code in order), limit)


def _pairs(table: LabelTable, limit: int) -> Top:
    found = [
        (f"{name}={quote(value)}", count) for name in table.columns for value, count in _values(table, name, limit)
    ]
    return _top(found, limit)


def _sizes(table: LabelTable, counted: Ints, distinct: LabelTable, limit: int) -> Sequence[MetricSize]:
    column = table.columns.get(_METRIC)
    if column is None:
        return ()
    size = len(column.dictionary)
    taken, samples = (np.bincount(column.codes, weights=one, minlength=size).astype(np.int64) for one in counted)
    series = np.bincount(distinct.columns[_METRIC].codes, minlength=size)
    order = np.argsort(-taken, kind="stable")[:limit].tolist()
    return [
        MetricSize(column.dictionary[code], int(taken[code]), int(samples[code]), int(series[code]))
        for code in order
        if samples[code]
    ]


def _top(entries: Iterable[tuple[str, int]], limit: int) -> Top:
    return sorted((one for one in entries if one[1]), key=lambda one: (-one[1], one[0]))[:limit]
