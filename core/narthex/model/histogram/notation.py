"""The ``{{…}}`` notation of histograms in test scripts and rule tests, read and written.

``{{schema:1 sum:0.3 count:3 z_bucket:1 z_bucket_w:0.05 buckets:[5 10 7] offset:-3 n_buckets:[4 5] n_offset:5
custom_values:[1 2] counter_reset_hint:gauge}}``: keys in any order, none twice, all of them optional.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from narthex.model.histogram.value import NO_BUCKETS, Buckets, Hint, Histogram
from narthex.model.number import plain_text

__all__ = ["NotationError", "format_histogram", "parse_histogram"]

_PAIR = re.compile(r"\s*([a-zA-Z_]+):(\[[^\]]*\]|[^\s}\]]*)")
_NUMBER_KEYS = frozenset({"schema", "sum", "count", "z_bucket", "z_bucket_w", "offset", "n_offset"})
_LIST_KEYS = frozenset({"buckets", "n_buckets", "custom_values"})
_HINTS = {hint.name.lower(): hint for hint in Hint}


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


def parse_histogram(text: str) -> Histogram:
    """The value of ``{{…}}``. Raises :class:`NotationError`."""
    body, at = text[2:-2], 0
    found: dict[str, str] = {}
    while body[at:].strip():
        pair = _PAIR.match(body, at)
        if pair is None:
            raise NotationError(f"bad histogram descriptor found: {body[at:].strip()!r}", at + 2)
        key, value = pair.groups()
        if key not in _NUMBER_KEYS and key not in _LIST_KEYS and key != "counter_reset_hint":
            raise NotationError(f'bad histogram descriptor found: "{key}"', pair.start(1) + 2)
        if key in found:
            raise NotationError(f'duplicate key "{key}" in histogram')
        if not value or value.startswith("[ "):
            raise NotationError('unexpected " " in series values', pair.start(2) + 2 + value.startswith("["))
        found[key] = value
        at = pair.end()
    return _histogram(found)


def _histogram(found: Mapping[str, str]) -> Histogram:
    hint = found.get("counter_reset_hint", "unknown")
    if hint not in _HINTS:
        raise NotationError(f'bad histogram descriptor found: "{hint}"')
    return Histogram(
        schema=int(_number(found, "schema")),
        zero_threshold=_number(found, "z_bucket_w"),
        zero_count=_number(found, "z_bucket"),
        count=_number(found, "count"),
        sum=_number(found, "sum"),
        positive=_buckets(found, "buckets", "offset"),
        negative=_buckets(found, "n_buckets", "n_offset"),
        bounds=_list(found, "custom_values"),
        hint=_HINTS[hint],
    )


def _number(found: Mapping[str, str], key: str) -> float:
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
    return Buckets.run(int(_number(found, offset_key)), _list(found, key))


def format_histogram(histogram: Histogram) -> str:
    """The notation, with only what differs from zero. Buckets that count nothing stand only between others."""
    numbers = (
        ("schema", float(histogram.schema)),
        ("count", histogram.count),
        ("sum", histogram.sum),
        ("z_bucket", histogram.zero_count),
        ("z_bucket_w", histogram.zero_threshold),
    )
    parts = [f"{key}:{plain_text(value)}" for key, value in numbers if value]
    if histogram.bounds:
        parts.append(f"custom_values:{_listed(histogram.bounds)}")
    if histogram.hint is not Hint.UNKNOWN:
        parts.append(f"counter_reset_hint:{histogram.hint.name.lower()}")
    parts += _written(histogram.positive, "offset", "buckets")
    parts += _written(histogram.negative, "n_offset", "n_buckets")
    return "{{" + " ".join(parts) + "}}"


def _written(buckets: Buckets, offset_key: str, key: str) -> list[str]:
    used = buckets.compact()
    if used is NO_BUCKETS or not len(used):
        return []
    first = int(used.index[0])
    dense = np.zeros(int(used.index[-1]) - first + 1)
    dense[used.index - first] = used.counts
    return [*([f"{offset_key}:{first}"] if first else []), f"{key}:{_listed(tuple(dense.tolist()))}"]


def _listed(values: tuple[float, ...]) -> str:
    return f"[{' '.join(map(plain_text, values))}]"
