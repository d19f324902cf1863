"""Where the bytes and the series of blocks come from: cardinality, churn, bytes for each sample.

Everything is counted on label codes and page directories; no sample is decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from narthex.model.labeltable import LabelTable
from narthex.model.matcher import Matcher
from narthex_plugins.tsdb.blocks import Block
from narthex_plugins.tsdb.blocks.tables import joined
from narthex_plugins.tsdb.cardinality import Top, pairs, values, values_by_name

__all__ = ["Analysis", "MetricSize", "analyze"]

Tell = Callable[[str, int, int], None]
Ints = NDArray[np.int64]
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
        label_names=values_by_name(distinct, limit),
        label_pairs=pairs(distinct, limit),
        metrics=values(distinct, _METRIC, limit),
        churn=pairs(table.take(np.flatnonzero(flags)), limit),
        sizes=_sizes(table, counted, distinct, limit),
    )


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


def _ended(block: Block, columns: Ints) -> NDArray[np.bool_]:
    """Series that begin later or end sooner than their block by more than a tenth of it."""
    group, first = block.floats.group[columns], block.floats.group_first.astype(np.int64)
    begin, end = block.floats.start[first[group]], block.floats.end[first[group + 1] - 1]
    slack = (block.max_time - block.min_time) // 10
    found: NDArray[np.bool_] = (begin > block.min_time + slack) | (end < block.max_time - slack)
    return found


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
