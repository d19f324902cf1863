"""A classic histogram, counters of ``le`` buckets, as a native one with custom buckets (NHCB)."""

from __future__ import annotations

import math
from collections.abc import Mapping

from narthex.model.histogram.value import CUSTOM_SCHEMA, Buckets, Histogram

__all__ = ["from_classic"]


def from_classic(buckets: Mapping[float, float], count: float | None, total: float) -> Histogram:
    """From cumulative counts by upper bound, the count of observations (None: unknown) and their sum.

    A missing bucket for infinity is what the count says; a missing count is that of the highest bucket. Raises
    ``ValueError`` when the counts make no sense: negative, falling, or others than the count.
    """
    if any(math.isnan(bound) for bound in buckets):
        raise ValueError("a bucket's upper bound is not a number")
    cumulative = sorted(buckets.items())
    if count is None:
        if not cumulative:
            raise ValueError("neither buckets nor a count")
        count = cumulative[-1][1]
    if not cumulative or cumulative[-1][0] != math.inf:
        cumulative.append((math.inf, count))
    before, own = 0.0, []
    for at, (bound, value) in enumerate(cumulative):
        if not value >= before:
            raise ValueError(f"the bucket up to {bound:g} counts {value:g}, less than {before:g}, its predecessor's")
        if value > before:
            own.append((at, value - before))
        before = value
    if before != count:
        raise ValueError(f"the buckets count {before:g} observations, not {count:g}")
    bounds = tuple(bound for bound, _ in cumulative[:-1])
    return Histogram(CUSTOM_SCHEMA, count=count, sum=total, positive=Buckets.of(own), bounds=bounds)
