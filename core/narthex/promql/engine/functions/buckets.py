"""Quantiles and fractions of classic histograms, for many histograms at once.

``bounds`` and ``counts`` are float64 ``[..., B]``: the buckets of one histogram along the last axis, ascending, padded
at the end with NaN bounds. Counts are cumulative, as ``le`` buckets are. Source of the rules: Prometheus's
documentation of ``histogram_quantile`` and ``histogram_fraction``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from narthex.promql.engine.vector import Bools, Floats, Ints

__all__ = ["Smoothed", "bucket_fraction", "bucket_quantile", "monotonic"]

_TOLERANCE = 1e-12


@dataclass(frozen=True, slots=True)
class Smoothed:
    """Counts that never fall, and where (``[...]``) a real decrease (``forced``) or rounding (``rounded``) was mended.

    ``low``, ``high`` are the lowest and highest bound where a decrease was mended, ``largest`` the largest decrease.
    """

    counts: Floats
    forced: Bools
    rounded: Bools
    low: Floats
    high: Floats
    largest: Floats


def monotonic(bounds: Floats, counts: Floats) -> Smoothed:
    """Make counts ascend: differences of rounding size are taken away silently, decreases are raised and reported."""
    counts = counts.copy()
    previous = counts[..., 0].copy()
    shape = previous.shape
    forced, rounded = np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.bool_)
    low, high, largest = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape)
    for bucket in range(1, counts.shape[-1]):
        bound = np.broadcast_to(bounds[..., bucket], shape)
        here = counts[..., bucket]
        there = ~np.isnan(bound)
        differs = there & (here != previous)
        near = differs & _nearly(previous, here)
        fell = differs & ~near & (here < previous)
        rounded |= near
        forced |= fell
        low = np.where(fell & np.isnan(low), bound, low)
        high = np.where(fell, bound, high)
        largest = np.where(fell, np.maximum(largest, previous - here), largest)
        counts[..., bucket] = np.where(near | fell, previous, here)
        previous = np.where(there, counts[..., bucket], previous)
    return Smoothed(counts, forced, rounded, low, high, largest)


def _nearly(a: Floats, b: Floats) -> Bools:
    with np.errstate(all="ignore"):
        return np.asarray(np.abs(a - b) < _TOLERANCE * (np.abs(a) + np.abs(b)))


def bucket_quantile(q: Floats, bounds: Floats, counts: Floats) -> Floats:
    """The ``q`` quantile (broadcast against ``[...]``), by linear interpolation inside the bucket it falls into.

    ``counts`` ascend (:func:`monotonic`). NaN without a +Inf bucket, with fewer than two buckets, or without
    observations; the bound before +Inf where the counts are NaN, as in Prometheus.
    """
    shape = counts.shape[:-1]
    bounds = np.broadcast_to(bounds, counts.shape)
    used = np.count_nonzero(~np.isnan(bounds), axis=-1)
    last = np.maximum(used - 1, 0)
    total = _pick(counts, last)
    quantile = np.broadcast_to(q, shape)
    rank = quantile * total
    below = ~(counts >= rank[..., None]) & (np.arange(counts.shape[-1]) < last[..., None])
    bucket = np.count_nonzero(np.logical_and.accumulate(below, axis=-1), axis=-1)
    end, count = _pick(bounds, bucket), _pick(counts, bucket)
    before = np.maximum(bucket - 1, 0)
    start = np.where(bucket > 0, _pick(bounds, before), 0.0)
    earlier = np.where(bucket > 0, _pick(counts, before), 0.0)
    with np.errstate(all="ignore"):
        result = start + (end - start) * ((rank - earlier) / (count - earlier))
    result = np.where((bucket == 0) & (end <= 0), end, result)
    result = np.where(bucket == last, _pick(bounds, np.maximum(last - 1, 0)), result)
    unusable = ~np.isposinf(_pick(bounds, last)) | (used < 2) | (total == 0)
    result = np.where(unusable, np.nan, result)
    result = np.where(quantile < 0, -np.inf, np.where(quantile > 1, np.inf, result))
    return np.where(np.isnan(quantile) | (used == 0), np.nan, result)


def bucket_fraction(lower: Floats, upper: Floats, bounds: Floats, counts: Floats) -> Floats:
    """The share of observations between ``lower`` and ``upper`` (broadcast against ``[...]``), interpolated."""
    shape = counts.shape[:-1]
    bounds = np.broadcast_to(bounds, counts.shape)
    lower, upper = np.broadcast_to(lower, shape), np.broadcast_to(upper, shape)
    used = np.count_nonzero(~np.isnan(bounds), axis=-1)
    last = np.maximum(used - 1, 0)
    total = _pick(counts, last)
    with np.errstate(all="ignore"):
        share = (_rank_of(upper, bounds, counts, total) - _rank_of(lower, bounds, counts, total)) / total
    share = np.where(lower >= upper, 0.0, share)
    unusable = ~np.isposinf(_pick(bounds, last)) | (total == 0) | np.isnan(lower) | np.isnan(upper) | (used == 0)
    return np.where(unusable, np.nan, share)


def _rank_of(value: Floats, bounds: Floats, counts: Floats, total: Floats) -> Floats:
    """How many observations are at most ``value``."""
    rank = np.zeros(value.shape)
    found = np.full(value.shape, np.nan)
    for bucket in range(counts.shape[-1]):
        upper = bounds[..., bucket]
        start = np.where(upper > 0, 0.0, -np.inf) if bucket == 0 else bounds[..., bucket - 1]
        open_ = np.isnan(found)
        found = np.where(open_ & (start == value), rank, found)
        inside = np.isnan(found) & (start < value) & (upper > value)
        share = (value - start) / (upper - start)
        inner = rank + (counts[..., bucket] - rank) * share
        inner = np.where(np.isposinf(upper), rank, np.where(np.isneginf(start), counts[..., bucket], inner))
        found = np.where(inside, inner, found)
        if bucket == 0:
            found = np.where(np.isnan(found) & (value <= start), 0.0, found)
        rank = np.where(np.isnan(upper), rank, counts[..., bucket])
    return np.minimum(np.where(np.isnan(found), total, found), total)


def _pick(values: Floats, index: Ints) -> Floats:
    return np.take_along_axis(values, index[..., None], axis=-1)[..., 0]
