"""The layout of a body: everything in it but its values, and reading the values of a body that has this layout.

Two bodies of one target differ in values and in nothing else, nearly always; so do the bodies of two targets that run
the same exporter. A layout is the text of a body less its values, as a run of *heads*: what stands before each value,
comment lines included. A body has the layout when cutting a value out of the end of each sample's line leaves the
heads. That is decided with a dozen array operations over the bytes: no line becomes an object, and there is no last
body to compare with, only a layout that all targets of a job share, so it is in the processor's caches when the next of
them is scraped. In a loaded server this takes half the time that comparing lines with those of the body before took.

This is the hottest code of a server. For 1,000 samples in 69 kB, in µs on one core, caches warm: find the newlines 16,
mark the heads 10, cut them out 31 and compare 3, cut out the values 25, read them (:mod:`.lines`) 35.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from narthex.scrape.lines import NEVER, NUMBER, numbers

__all__ = ["Layout"]

Floats = NDArray[np.float64]

_NEWLINE = 10


class Layout:
    """A body without its values. Immutable, and free of anything that belongs to one target.

    ``places`` has the line numbers, from 0, of its samples: lines with a series text in ``prefixes`` and nothing but a
    number behind it. Every other line is part of a head, as it is. Memory is the text and 18 B a sample.
    """

    __slots__ = ("__weakref__", "_heads", "_is_head", "_newlines", "_terminated", "_text", "places", "samples")

    def __init__(self, lines: Sequence[bytes], prefixes: Sequence[bytes]) -> None:
        """``lines`` of a body, split at newlines; ``prefixes`` has what stands before each value, or ``NEVER``."""
        self._terminated = lines[-1] == b""
        self._newlines = len(lines) - self._terminated
        places, heads = _heads(lines, prefixes, self._newlines)
        self.places = np.array(places, dtype=np.int64)
        self.samples = len(places)
        # Of all types of bytes, this one compares itself with an array without a copy.
        self._text = bytearray().join(heads)
        self._heads = np.array([len(head) for head in heads], dtype=np.int64)
        self._is_head = np.zeros(2 * self.samples + 1, dtype=np.bool_)
        self._is_head[::2] = True

    @property
    def key(self) -> bytes:
        """A hash, so that the text need not be kept twice."""
        made = blake2b(self._text, digest_size=16)
        made.update(self._heads.tobytes())
        return made.digest()

    def equals(self, other: Layout) -> bool:
        """Whether the other reads every body as this one does."""
        return (
            self._text == other._text
            and self._terminated == other._terminated
            and np.array_equal(self._heads, other._heads)
        )

    def prefixes(self) -> list[bytes]:
        """What stands before each sample's value on its line."""
        ends = np.cumsum(self._heads).tolist()
        heads = [self._text[start:end] for start, end in zip([0, *ends], ends[:-1], strict=False)]
        return [bytes(head[head.rfind(b"\n") + 1 :]) for head in heads]

    def read(self, body: bytes) -> Floats | None:
        """The values of the samples, in order; None where the body differs in more than plain values."""
        if (body[-1:] == b"\n") is not self._terminated:
            return None
        if not self._terminated:
            body += b"\n"
        if not self.samples:
            return np.zeros(0) if self._text == body else None
        text = np.frombuffer(body, dtype=np.uint8)
        newlines = (text == _NEWLINE).nonzero()[0]  # as np.flatnonzero, less 5 us
        if len(newlines) != self._newlines:
            return None
        ends = newlines[self.places]
        if self._heads[-1] != len(text) - 1 - ends[-1]:
            return None
        try:
            mask = self._is_head.repeat(self._runs(ends))
        except ValueError:  # a run of less than nothing: a line that is shorter than its head
            return None
        if self._text != text[mask]:
            return None
        return numbers(text[np.logical_not(mask, out=mask)].tobytes(), self.samples)

    def _runs(self, ends: NDArray[np.int64]) -> NDArray[np.int64]:
        """Lengths of the heads and, in between, of the values with their newlines, which stand at ``ends``.

        Every head begins behind the newline that ends the sample before. As long as the heads hold the newlines that
        the layout has in them, which comparing them tells, no value holds any but its own.
        """
        runs = np.empty(2 * self.samples + 1, dtype=np.int64)
        runs[::2] = self._heads
        values = runs[1::2]
        values[0] = ends[0] + 1
        np.subtract(ends[1:], ends[:-1], out=values[1:])
        values -= self._heads[:-1]
        return runs


def _heads(lines: Sequence[bytes], prefixes: Sequence[bytes], count: int) -> tuple[list[int], list[bytes]]:
    """The numbers of sample lines among the first ``count``; what stands before each value, and behind the last one."""
    places = [place for place in range(count) if prefixes[place] != NEVER]
    rests = [lines[place][len(prefixes[place]) :] for place in places]
    if b"".join(rests).translate(None, NUMBER):
        places = [place for place, rest in zip(places, rests, strict=True) if not rest.translate(None, NUMBER)]
    heads: list[bytes] = []
    first = 0
    for place in places:
        heads.append(b"\n".join([*lines[first:place], prefixes[place]]) if place > first else prefixes[place])
        first = place + 1
    heads.append(b"\n".join([*lines[first:count], b""]))
    return places, heads
