"""A histogram in words, as templates print it: ``{count:4, sum:5, (0.5,1]:1, (1,2]:2}``."""

from __future__ import annotations

import math

from narthex.model.histogram.bounds import bucket_table
from narthex.model.histogram.value import Histogram
from narthex.model.number import shortest

__all__ = ["brackets", "histogram_text"]


def brackets(histogram: Histogram, at: int, lower: float, upper: float, *, zero: bool) -> tuple[bool, bool]:
    """Whether the bucket at position ``at`` of the table includes its lower and its upper bound."""
    if zero:
        return True, True
    if histogram.custom:
        return at == 0 and lower == -math.inf, True
    return lower < 0, upper > 0


def histogram_text(histogram: Histogram) -> str:
    """Count, sum, and every bucket that counts something, from the lowest to the highest."""
    table = bucket_table(histogram)
    parts = [f"count:{shortest(histogram.count)}", f"sum:{shortest(histogram.sum)}"]
    rows = zip(table.lower.tolist(), table.upper.tolist(), table.counts.tolist(), strict=True)
    for at, (lower, upper, count) in enumerate(rows):
        opens, closes = brackets(histogram, at, lower, upper, zero=at == table.zero)
        bounds = f"{'[' if opens else '('}{shortest(lower)},{shortest(upper)}{']' if closes else ')'}"
        parts.append(f"{bounds}:{shortest(count)}")
    return "{" + ", ".join(parts) + "}"
