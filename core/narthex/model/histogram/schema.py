"""Coarser views of exponential histograms: a lower resolution, a wider zero bucket.

With each step down in schema two neighbouring buckets become one, so any two exponential histograms can be brought to
the coarser of their schemas without loss (beyond the resolution).
"""

from __future__ import annotations

import math

import numpy as np

from narthex.model.histogram.bounds import upper_bounds
from narthex.model.histogram.value import NO_BUCKETS, Buckets, Histogram

__all__ = ["merged_down", "reduce_to", "widen_zero"]


def merged_down(buckets: Buckets, steps: int) -> Buckets:
    """The buckets at a schema that is lower by ``steps``: 2^steps neighbours become one, counted from index 1."""
    if not steps or not len(buckets):
        return buckets
    coarse = ((buckets.index - 1) >> steps) + 1
    starts = np.flatnonzero(np.diff(coarse, prepend=coarse[0] - 1))
    return Buckets(coarse[starts], np.add.reduceat(buckets.counts, starts))


def reduce_to(histogram: Histogram, schema: int) -> Histogram:
    """The histogram in a coarser (or the same) exponential schema. Counts and sum stay.

    Raises ``ValueError`` when the schema is finer, or either has custom buckets.
    """
    if schema == histogram.schema:
        return histogram
    if histogram.custom or schema > histogram.schema:
        raise ValueError(f"a histogram of schema {histogram.schema} cannot be shown in schema {schema}")
    steps = histogram.schema - schema
    return Histogram(
        schema,
        histogram.zero_threshold,
        histogram.zero_count,
        histogram.count,
        histogram.sum,
        merged_down(histogram.positive, steps),
        merged_down(histogram.negative, steps),
        hint=histogram.hint,
    )


def widen_zero(histogram: Histogram, threshold: float) -> Histogram:
    """The histogram with a zero bucket that reaches at least to ``threshold``, taking in the buckets it covers.

    A bucket that counts something and that the threshold would cut pulls the threshold up to its end, so the result may
    be wider than asked for.
    """
    if threshold <= histogram.zero_threshold:
        return histogram
    threshold = _uncut(histogram, threshold)
    zero_count, sides = histogram.zero_count, []
    for side in (histogram.positive, histogram.negative):
        covered = int(np.searchsorted(upper_bounds(side.index, histogram.schema), threshold, side="right"))
        zero_count += math.fsum(side.counts[:covered].tolist())
        sides.append(Buckets(side.index[covered:], side.counts[covered:]) if covered < len(side) else NO_BUCKETS)
    return Histogram(
        histogram.schema,
        threshold,
        zero_count,
        histogram.count,
        histogram.sum,
        sides[0],
        sides[1],
        hint=histogram.hint,
    )


def _uncut(histogram: Histogram, threshold: float) -> float:
    """The first threshold from this one up that lies within no bucket that counts something."""
    found = threshold
    for side in (histogram.positive, histogram.negative):
        used = side.compact()
        lower = upper_bounds(used.index - 1, histogram.schema)
        upper = upper_bounds(used.index, histogram.schema)
        cut = upper[(lower < threshold) & (upper > threshold)]
        if len(cut):
            found = max(found, float(cut[0]))
    return found if found == threshold else _uncut(histogram, found)
