"""Conformance: quantiles of classic histograms, computed bucket by bucket."""

from __future__ import annotations

import numpy as np
import pytest
from tests.conformance.cases import decoded, params

from narthex.promql.engine.functions.buckets import bucket_quantile, monotonic


@pytest.mark.parametrize("case", params("model/bucket_quantile.json"))
def test_bucket_quantile(case):
    buckets = np.array(decoded(case["buckets"]), dtype=np.float64)
    quantiles = np.array(decoded(case["quantiles"]), dtype=np.float64)
    bounds, counts = buckets[:, 0], buckets[:, 1]
    smoothed = monotonic(bounds, counts)
    assert bool(smoothed.forced) == case["forced"]
    assert bool(smoothed.rounded) == case["fixed_precision"]
    many = np.broadcast_to(smoothed.counts, (len(quantiles), len(counts)))
    found = bucket_quantile(quantiles[:, 0], bounds, many)
    np.testing.assert_allclose(found, quantiles[:, 1], rtol=1e-12)
