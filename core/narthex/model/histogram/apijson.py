"""A histogram as the HTTP API writes it (reference §6.1: a sample's ``histogram``)."""

from __future__ import annotations

from narthex.model.histogram.bounds import bucket_table
from narthex.model.histogram.text import brackets
from narthex.model.histogram.value import Histogram
from narthex.model.number import format_value

__all__ = ["histogram_json"]


def histogram_json(histogram: Histogram) -> str:
    """A JSON object of count, sum and the buckets that count something: [boundaries rule, lower, upper, count].

    The rule is 0 for (lower, upper], 1 for [lower, upper), 2 for an open and 3 for a closed interval. All numbers but
    the rule are strings. Without a bucket to show the key ``buckets`` is left out.
    """
    table = bucket_table(histogram)
    parts = []
    rows = zip(table.lower.tolist(), table.upper.tolist(), table.counts.tolist(), strict=True)
    for at, (lower, upper, count) in enumerate(rows):
        opens, closes = brackets(histogram, at, lower, upper, zero=at == table.zero)
        rule = {(False, True): 0, (True, False): 1, (False, False): 2, (True, True): 3}[opens, closes]
        parts.append(f'[{rule},"{format_value(lower)}","{format_value(upper)}","{format_value(count)}"]')
    head = f'"count":"{format_value(histogram.count)}","sum":"{format_value(histogram.sum)}"'
    return f'{{{head},"buckets":[{",".join(parts)}]}}' if parts else f"{{{head}}}"
