"""Counter resets of histograms: whether a counter started again between two samples.

A counter's buckets never fall. If the count, the zero bucket or any bucket did, or buckets appeared to get finer, the
counter was reset. Storages compare once, when a sample comes in, and keep the answer as the sample's hint.
"""

from __future__ import annotations

import numpy as np

from narthex.model.histogram.custom import common_bounds, with_bounds
from narthex.model.histogram.schema import merged_down, widen_zero
from narthex.model.histogram.value import Buckets, Hint, Histogram

__all__ = ["was_reset", "was_reset_unhinted", "with_stored_hint"]


def was_reset(previous: Histogram, current: Histogram) -> bool:
    """Whether a counter was reset between two neighbouring samples. ``current``'s hint is believed where it says."""
    if current.hint in (Hint.RESET, Hint.NOT_RESET):
        return current.hint is Hint.RESET
    return was_reset_unhinted(previous, current)


def was_reset_unhinted(previous: Histogram, current: Histogram) -> bool:
    """Whether the counts say that a counter was reset, whatever the hints are."""
    if current.count < previous.count or current.custom != previous.custom:
        return True
    if current.custom:
        return _custom_reset(previous, current)
    if current.schema > previous.schema or current.zero_threshold < previous.zero_threshold:
        return True
    previous = widen_zero(previous, current.zero_threshold)
    # The threshold moved further than asked: the new one cuts a bucket that counted something.
    if previous.zero_threshold != current.zero_threshold or current.zero_count < previous.zero_count:
        return True
    steps = previous.schema - current.schema
    return _fell(previous.positive, current.positive, steps) or _fell(previous.negative, current.negative, steps)


def _custom_reset(previous: Histogram, current: Histogram) -> bool:
    if previous.bounds != current.bounds:
        bounds = common_bounds(previous.bounds, current.bounds)
        previous, current = with_bounds(previous, bounds), with_bounds(current, bounds)
    return _fell(previous.positive, current.positive, 0)


def _fell(previous: Buckets, current: Buckets, steps: int) -> bool:
    """Whether any bucket counts less than before, after bringing the earlier ones down by ``steps`` schemas."""
    before = merged_down(previous, steps)
    if before.index is current.index or np.array_equal(before.index, current.index):
        return bool((current.counts < before.counts).any())
    before = before.compact()
    if not len(before):
        return bool((current.counts < 0).any())
    if not len(current):
        return True
    at = np.minimum(np.searchsorted(current.index, before.index), len(current) - 1)
    found = np.where(current.index[at] == before.index, current.counts[at], 0.0)
    return bool((found < before.counts).any())


def with_stored_hint(previous: Histogram | None, current: Histogram) -> Histogram:
    """``current`` with the hint a storage keeps for it, behind the series' sample before it (None: the first one).

    ``NOT_RESET`` where buckets were compared and grew; ``UNKNOWN`` where they fell or have another layout, for a reader
    who joins several storages (or drops a sample) must compare again; gauges stay gauges.
    """
    if current.hint is Hint.GAUGE or current.stale:
        return current
    if previous is None or previous.stale or previous.hint is Hint.GAUGE or current.hint is Hint.RESET:
        return current.with_hint(Hint.UNKNOWN)
    same_layout = (
        previous.schema == current.schema
        and previous.zero_threshold == current.zero_threshold
        and previous.bounds == current.bounds
    )
    if not same_layout or was_reset_unhinted(previous, current):
        return current.with_hint(Hint.UNKNOWN)
    return current.with_hint(Hint.NOT_RESET)
