"""The ``{{…}}`` notation of native histograms in test scripts, as a plain value.

Buckets are kept the way Prometheus counts them: spans of consecutive buckets, each with its distance from the one
before, and one flat list of counts.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from narthex.promql.printer import number_text

__all__ = ["Buckets", "FloatHistogram", "NotationError", "combine", "format_histogram", "parse_histogram"]

CUSTOM_BUCKETS = -53
_HINTS = frozenset({"unknown", "reset", "not_reset", "gauge"})
_PAIR = re.compile(r"\s*([a-zA-Z_]+):(\[[^\]]*\]|[^\s}\]]*)")
_NUMBER_KEYS = {"schema": int, "sum": float, "count": float, "z_bucket": float, "z_bucket_w": float}
_OFFSET_KEYS = frozenset({"offset", "n_offset"})
_LIST_KEYS = frozenset({"buckets", "n_buckets", "custom_values"})


class NotationError(ValueError):
    """A description in a test script is malformed; ``at`` is the byte where, 0 when that is not known."""

    def __init__(self, message: str, at: int | None = None) -> None:
        self._at = at
        super().__init__(message)

    @property
    def at(self) -> int:
        """Bytes from the start of the description."""
        return self._at or 0

    def within(self, start: int) -> NotationError:
        """The same error, seen from a text in which the description begins at ``start``."""
        return NotationError(str(self), None if self._at is None else self._at + start)


@dataclass(frozen=True, slots=True)
class Buckets:
    """Counts of consecutive buckets: each span is (buckets skipped since the last, length)."""

    spans: tuple[tuple[int, int], ...] = ()
    counts: tuple[float, ...] = ()

    def by_index(self) -> dict[int, float]:
        """Bucket index to count."""
        indices: list[int] = []
        at = 0
        for skipped, length in self.spans:
            at += skipped
            indices.extend(range(at, at + length))
            at += length
        return dict(zip(indices, self.counts, strict=True))

    @classmethod
    def of(cls, counts: Mapping[int, float]) -> Buckets:
        """From bucket index to count."""
        spans: list[tuple[int, int]] = []
        end = 0
        for index in sorted(counts):
            if spans and index == end:
                spans[-1] = (spans[-1][0], spans[-1][1] + 1)
            else:
                spans.append((index - end, 1))
            end = index + 1
        return cls(tuple(spans), tuple(counts[index] for index in sorted(counts)))


@dataclass(frozen=True, slots=True)
class FloatHistogram:
    """A native histogram with float counts, as the notation writes it."""

    schema: int = 0
    count: float = 0.0
    sum: float = 0.0
    zero_count: float = 0.0
    zero_threshold: float = 0.0
    positive: Buckets = Buckets()
    negative: Buckets = Buckets()
    custom_values: tuple[float, ...] = ()
    hint: str = "unknown"


def parse_histogram(text: str) -> FloatHistogram:
    """The value of ``{{…}}``. Raises :class:`NotationError`."""
    body, at = text[2:-2], 0
    found: dict[str, str] = {}
    while body[at:].strip():
        pair = _PAIR.match(body, at)
        if pair is None:
            raise NotationError(f"bad histogram descriptor found: {body[at:].strip()!r}", at + 2)
        key, value = pair.groups()
        if key not in _NUMBER_KEYS and key not in _OFFSET_KEYS | _LIST_KEYS | {"counter_reset_hint"}:
            raise NotationError(f'bad histogram descriptor found: "{key}"', pair.start(1) + 2)
        if key in found:
            raise NotationError(f'duplicate key "{key}" in histogram')
        if not value or value.startswith("[ "):
            raise NotationError('unexpected " " in series values', pair.start(2) + 2 + value.startswith("["))
        found[key] = value
        at = pair.end()
    return _histogram(found)


def _histogram(found: Mapping[str, str]) -> FloatHistogram:
    hint = found.get("counter_reset_hint", "unknown")
    if hint not in _HINTS:
        raise NotationError(f'bad histogram descriptor found: "{hint}"')
    return FloatHistogram(
        schema=int(_value(found, "schema")),
        count=_value(found, "count"),
        sum=_value(found, "sum"),
        zero_count=_value(found, "z_bucket"),
        zero_threshold=_value(found, "z_bucket_w"),
        positive=_buckets(found, "buckets", "offset"),
        negative=_buckets(found, "n_buckets", "n_offset"),
        custom_values=_list(found, "custom_values"),
        hint=hint,
    )


def _value(found: Mapping[str, str], key: str) -> float:
    try:
        return float(found.get(key, "0"))
    except ValueError:
        raise NotationError(f"unexpected {found[key]!r} for {key}") from None


def _list(found: Mapping[str, str], key: str) -> tuple[float, ...]:
    text = found.get(key, "[]")
    try:
        return tuple(map(float, text.strip("[]").split()))
    except ValueError:
        raise NotationError(f"unexpected {text!r} for {key}") from None


def _buckets(found: Mapping[str, str], key: str, offset_key: str) -> Buckets:
    counts = _list(found, key)
    return Buckets(((int(_value(found, offset_key)), len(counts)),), counts) if counts else Buckets()


def combine(base: FloatHistogram, other: FloatHistogram, *, subtract: bool) -> FloatHistogram:
    """``base`` plus or minus ``other``, in the base's resolution. Raises :class:`NotationError` when it is too fine."""
    if base.schema > other.schema:
        raise NotationError(f"error combining histograms: cannot merge from schema {other.schema} to {base.schema}")
    apply: Callable[[float, float], float] = operator.sub if subtract else operator.add
    shift = 0 if base.schema == CUSTOM_BUCKETS else other.schema - base.schema
    return replace(
        base,
        count=apply(base.count, other.count),
        sum=apply(base.sum, other.sum),
        zero_count=apply(base.zero_count, other.zero_count),
        positive=_merged(base.positive, other.positive, shift, apply),
        negative=_merged(base.negative, other.negative, shift, apply),
    )


def _merged(base: Buckets, other: Buckets, shift: int, apply: Callable[[float, float], float]) -> Buckets:
    counts = base.by_index()
    for index, count in other.by_index().items():
        coarse = ((index - 1) >> shift) + 1  # 2**shift fine buckets make a coarse one, counted from index 1
        counts[coarse] = apply(counts.get(coarse, 0.0), count)
    return Buckets.of(counts)


def format_histogram(histogram: FloatHistogram) -> str:
    """The notation, with only what differs from zero."""
    numbers = (
        ("schema", float(histogram.schema)),
        ("count", histogram.count),
        ("sum", histogram.sum),
        ("z_bucket", histogram.zero_count),
        ("z_bucket_w", histogram.zero_threshold),
    )
    parts = [f"{key}:{number_text(value)}" for key, value in numbers if value]
    if histogram.custom_values:
        parts.append(f"custom_values:{_listed(histogram.custom_values)}")
    if histogram.hint != "unknown":
        parts.append(f"counter_reset_hint:{histogram.hint}")
    parts += _formatted_buckets(histogram.positive, "offset", "buckets")
    parts += _formatted_buckets(histogram.negative, "n_offset", "n_buckets")
    return "{{" + " ".join(parts) + "}}"


def _formatted_buckets(buckets: Buckets, offset_key: str, key: str) -> list[str]:
    counts = buckets.by_index()
    if not counts:
        return []
    first, last = min(counts), max(counts)
    dense = tuple(counts.get(index, 0.0) for index in range(first, last + 1))
    return [*([f"{offset_key}:{first}"] if first else []), f"{key}:{_listed(dense)}"]


def _listed(values: tuple[float, ...]) -> str:
    return f"[{' '.join(map(number_text, values))}]"
