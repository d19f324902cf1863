"""What is computed for many histograms at once is what each alone gives, and what a walk over its buckets gives."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.core.model.histogram.strategies import any_histogram

from narthex.model.histogram import (
    Buckets,
    Histogram,
    fraction,
    fractions,
    has_nan_observations,
    nan_observations,
    quantile,
    quantiles,
    rows_of,
    totals_of,
    variance,
    variances,
)
from narthex.model.histogram.bounds import bucket_table

SOME = st.lists(any_histogram, min_size=1, max_size=12)
SHARES = st.sampled_from([0.0, 0.1, 0.37, 0.5, 0.83, 1.0])


def walked(histogram: Histogram, q: float) -> float:
    """The quantile by a walk over the buckets, as Prometheus documents it."""
    table = bucket_table(histogram)
    buckets = list(zip(table.lower.tolist(), table.upper.tolist(), table.counts.tolist(), strict=True))
    if not histogram.count or not buckets:
        return math.nan
    forward, running = math.isnan(histogram.sum) or q < 0.5, 0.0
    rank = (q if forward else 1 - q) * histogram.count
    for lower, upper, count in buckets if forward else reversed(buckets):  # noqa: B007 - the last one is used
        running += count
        if running >= rank:
            break
    lower, upper = cut(histogram, lower, upper)
    if lower == -math.inf:
        return upper
    if histogram.custom and upper == math.inf:
        return lower
    share = (rank - (running - count)) / count if forward else (running - rank) / count
    if histogram.custom or lower <= 0 <= upper:
        return lower + (upper - lower) * share
    if lower > 0:
        return lower * (upper / lower) ** share
    return upper * (lower / upper) ** (1 - share)


def cut(histogram: Histogram, lower: float, upper: float) -> tuple[float, float]:
    if histogram.custom:
        return (0.0, upper) if lower == -math.inf and upper > 0 else (lower, upper)
    if lower < 0 < upper:
        if not len(histogram.negative) and len(histogram.positive):
            return 0.0, upper
        if not len(histogram.positive) and len(histogram.negative):
            return lower, 0.0
    return lower, upper


@given(any_histogram, SHARES)
def test_quantiles_are_found_by_a_walk_over_the_buckets(histogram: Histogram, q: float) -> None:
    assert quantile(histogram, q).value == pytest.approx(walked(histogram, q), rel=1e-9, abs=1e-12, nan_ok=True)


def test_a_quantile_stops_at_the_first_bucket_that_reaches_it_where_counts_fall_below_zero() -> None:
    some = Histogram(0, 0.0, 0.0, 6.0, 10.0, Buckets.run(1, [4, -3, 5]))
    assert quantile(some, 0.4).value == pytest.approx(walked(some, 0.4)) == pytest.approx(2**0.6)


@given(SOME, st.lists(SHARES, min_size=12, max_size=12))
@example([Histogram(), Histogram(-53, bounds=(1.0,))], [0.5] * 12)
def test_rows_estimate_as_single_histograms_do(histograms: list[Histogram], shares: list[float]) -> None:
    histograms = [replace(one, sum=math.nan) if at % 3 == 2 else one for at, one in enumerate(histograms)]
    seen = []
    for rows in rows_of(histograms):
        members = [histograms[at] for at in rows.places.tolist()]
        q = np.array([shares[at] for at in rows.places.tolist()])
        seen += rows.places.tolist()
        assert np.array_equal(rows.totals, totals_of(members), equal_nan=True)
        values, lost, skewed = quantiles(rows, q)
        each = [quantile(one, float(p)) for one, p in zip(members, q, strict=True)]
        close(values, [one.value for one in each])
        assert [one.nan_effect.value for one in each] == [
            "NaN" if gone else "skewed" if more else "none" for gone, more in zip(lost, skewed, strict=True)
        ]
        close(
            fractions(rows, -q, 3 * q),
            [fraction(one, -float(p), 3 * float(p)) for one, p in zip(members, q, strict=True)],
        )
        close(variances(rows), [variance(one) for one in members])
        assert nan_observations(rows).tolist() == [has_nan_observations(one) for one in members]
    assert sorted(seen) == list(range(len(histograms)))


def close(many: np.ndarray, single: list[float]) -> None:
    assert many.tolist() == pytest.approx(single, rel=1e-9, abs=1e-12, nan_ok=True)


def test_histograms_far_apart_and_near_each_other_share_a_grid() -> None:
    near, far = Buckets.run(-3, [1, 2, 3]), Buckets.of([(-2000, 1.0), (2000, 4.0)])
    (rows,) = rows_of([Histogram(8, positive=near), Histogram(8, positive=far), Histogram(8, negative=near)])
    assert rows.positive.index.tolist() == [-2000, -3, -2, -1, 2000]
    assert rows.positive.counts.tolist() == [[0, 1, 2, 3, 0], [1, 0, 0, 0, 4], [0, 0, 0, 0, 0]]
    assert rows.positive.named.tolist() == [True, True, False]
    assert rows.negative.counts.tolist() == [[0, 0, 0], [0, 0, 0], [1, 2, 3]]
