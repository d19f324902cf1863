"""How fine a scraped native histogram may be: ``native_histogram_bucket_limit`` and ``…_min_bucket_factor``."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from narthex.errors import ScrapeError
from narthex.model.histogram import MAX_SCHEMA, MIN_SCHEMA, Histogram, reduce_to

__all__ = ["BucketLimitError", "Resolution", "finest_schema"]


class BucketLimitError(ScrapeError):
    """A histogram has too many buckets even in the coarsest schema, or has custom ones, which cannot be merged."""


def finest_schema(min_bucket_factor: float) -> int:
    """The finest schema whose buckets grow by at least this factor; 1 or less asks for nothing."""
    if min_bucket_factor <= 1:
        return MAX_SCHEMA
    return min(max(math.floor(-math.log2(math.log2(min_bucket_factor))), MIN_SCHEMA), MAX_SCHEMA)


@dataclass(frozen=True, slots=True)
class Resolution:
    """The most buckets (0: any number), and the factor by which each must grow (0: any)."""

    bucket_limit: int = 0
    min_bucket_factor: float = 0.0
    _finest: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_finest", finest_schema(self.min_bucket_factor))

    def fit(self, histogram: Histogram) -> Histogram:
        """The histogram, as fine as is allowed. Raises ``BucketLimitError``."""
        if not histogram.custom and histogram.schema > self._finest:
            histogram = reduce_to(histogram, self._finest)
        limit = self.bucket_limit
        while limit and histogram.bucket_count > limit:
            if histogram.custom or histogram.schema == MIN_SCHEMA:
                raise BucketLimitError(
                    f"histogram bucket limit exceeded: {histogram.bucket_count} buckets, limit {limit}"
                )
            histogram = reduce_to(histogram, histogram.schema - 1)
        return histogram
