"""The samples of one series in memory: parallel arrays in order of time, histograms and start timestamps beside."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right

from narthex.model.histogram import Histogram, same, with_stored_hint
from narthex.storage.frames import NO_START

__all__ = ["Track"]

Floats = tuple["array[int]", "array[int]", list[int]]
Held = tuple[list[int], list[Histogram], list[int]]


class Track:
    """``times`` are ms since the epoch, ``bits`` the float64 values as integers (0 where a histogram stands).

    Histograms and start timestamps are rare, so they are kept by time.
    """

    __slots__ = ("bits", "histograms", "starts", "times")

    def __init__(self) -> None:
        self.times = array("q")
        self.bits = array("q")
        self.histograms: dict[int, Histogram] = {}
        self.starts: dict[int, int] = {}

    def put(self, when: int, value: int | Histogram, start: int = NO_START) -> str:
        """Take a sample (a float by its bits); what became of it, by the name of a field of ``Appended``."""
        times = self.times
        if times and when <= times[-1]:
            return self._again(when, value)
        if isinstance(value, Histogram):
            before = self.histograms.get(times[-1]) if times else None
            self.histograms[when] = with_stored_hint(before, value)
            value = 0
        if start != NO_START:
            self.starts[when] = start
        times.append(when)
        self.bits.append(value)
        return "stored"

    def _again(self, when: int, value: int | Histogram) -> str:
        """A sample that is no newer than the newest: there is one at its time, or it comes too late."""
        at = bisect_left(self.times, when)
        if self.times[at] != when:
            return "out_of_order"
        known = self.histograms.get(when)
        if isinstance(value, Histogram):
            equal = known is not None and same(known, value)
        else:
            equal = known is None and self.bits[at] == value
        return "stored" if equal else "duplicate"

    def trim(self, before: int) -> None:
        """Let go of the samples earlier than ``before``."""
        end = bisect_left(self.times, before)
        for when in self.times[:end] if self.histograms or self.starts else ():
            self.histograms.pop(when, None)
            self.starts.pop(when, None)
        del self.times[:end], self.bits[:end]

    def has(self, start: int, end: int) -> bool:
        """Whether there is a sample of ``start`` <= t <= ``end``."""
        at = bisect_left(self.times, start)
        return at < len(self.times) and self.times[at] <= end

    def floats(self, start: int, end: int) -> Floats:
        """Times, bits and start timestamps of the floats in a window, copied."""
        low, high = bisect_left(self.times, start), bisect_right(self.times, end)
        times, bits = self.times[low:high], self.bits[low:high]
        if self.histograms:
            kept = [at for at, when in enumerate(times) if when not in self.histograms]
            times, bits = array("q", [times[at] for at in kept]), array("q", [bits[at] for at in kept])
        return (
            times,
            bits,
            [self.starts.get(when, NO_START) for when in times] if self.starts else [NO_START] * len(times),
        )

    def held(self, start: int, end: int) -> Held:
        """The same of the histograms."""
        if not self.histograms:
            return [], [], []
        times = [when for when in self.histograms if start <= when <= end]
        return times, [self.histograms[when] for when in times], [self.starts.get(when, NO_START) for when in times]
