"""Comparing a body with the one before it, line by line, without a Python-level loop.

This is the hottest code of a server: every line of every scrape passes here. Each step is one call into C over the
whole body. For 1,000 samples of which 400 changed, in µs on one core: split 30, compare 19, pick what changed 13,
strip the series text 12, ``float`` 17, all checks 9, write the row 13; together about 0.12 µs a sample.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from narthex.errors import ExpositionError
from narthex.model.sample import NORMAL_NAN
from narthex.scrape.exposition import number

__all__ = ["NEVER", "Changes", "changes", "one_value", "plain_values"]

Floats = NDArray[np.float64]
Changes = tuple[NDArray[np.bool_], Floats]

NEVER = b"\n"
"""In place of a series text: no line starts with it, so a change of that line is never taken for a new value."""

_PLAIN = b"0123456789+-.eE,"


def changes(lines: Sequence[bytes], before: Sequence[bytes], prefixes: Sequence[bytes]) -> Changes | None:
    """Which lines differ from ``before``, and the values they have now: bool ``[lines]``, float64 ``[changed]``.

    ``prefixes`` holds for each line what stood in front of the value. None where something else than a plain value
    changed; then the body has to be read in earnest.
    """
    if len(lines) != len(before):
        return None
    differs = list(map(operator.ne, lines, before))
    changed = list(compress(lines, differs))
    texts = list(map(bytes.removeprefix, changed, compress(prefixes, differs)))
    if any(map(operator.is_, texts, changed)):  # removeprefix gives its argument back where the prefix is another
        return None
    values = plain_values(texts)
    if values is None:
        return None
    return np.frombuffer(bytes(differs), dtype=np.bool_), values


def plain_values(texts: Sequence[bytes]) -> Floats | None:
    """The values of decimal numbers, float64; None where a text is anything else, such as ``NaN`` or ``1_0``.

    Python's ``float`` takes more than Go's; what it takes too much needs other characters, or overflows. A comma inside
    a text stops ``float`` as well.
    """
    if b",".join(texts).translate(None, _PLAIN):
        return None
    try:
        values = np.array(list(map(float, texts)), dtype=np.float64)
    except ValueError:
        return None
    return values if np.isfinite(values).all() else None


def one_value(text: bytes) -> np.float64 | None:
    """The value of any number that Prometheus accepts, NaN in the form it is stored; None for other text."""
    try:
        value = number(text)
    except ExpositionError:
        return None
    return np.float64(value) if value == value else NORMAL_NAN  # noqa: PLR0124 -- not equal to itself: a NaN
