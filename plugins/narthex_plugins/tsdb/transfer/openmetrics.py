"""Reads OpenMetrics text of any size, a few megabytes at a time, as columns.

Nearly every line of a dump repeats a series that stood there before, with another value and time. So a line is split at
its last two blanks and its beginning looked up; the scraper's own parser (:mod:`narthex_plugins.exposition`) reads the
lines whose beginning is new, and those that turn out to be anything else. That takes about a microsecond a sample,
where parsing each line takes ten.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import BinaryIO

import numpy as np
import orjson
from numpy.typing import NDArray

from narthex.errors import ExpositionError, StorageError
from narthex.model.labels import Labels
from narthex.model.sample import NORMAL_NAN
from narthex.scrape.exposition import Series, number
from narthex.storage.frames import Points
from narthex_plugins.exposition.grammar import State
from narthex_plugins.exposition.openmetrics import parse_line

__all__ = ["OpenMetricsReader"]

_CHUNK = 4 << 20
_END = b"# EOF"
_BOUNDS = ("histogram", "summary")
"""Types whose bounds (``le``, ``quantile``) are normalised, so that the same text may mean two series."""


class OpenMetricsReader:
    """Reads one file. ``labels`` grows while :meth:`batches` is gone through; a series is its place in there."""

    def __init__(self, file: BinaryIO, name: str, extra: Mapping[str, str] | None = None) -> None:
        """``extra`` labels are set on every series."""
        self.labels: list[Labels] = []
        self.read = 0
        """Bytes read so far."""
        self._file = file
        self._extra = dict(extra or {})
        self._name = name
        self._state = State()
        self._numbers: dict[Labels, int] = {}
        self._known: dict[bytes, int] = {}
        self._typed: dict[str, dict[bytes, int]] = {kind: {} for kind in _BOUNDS}
        self._line = 0

    def batches(self) -> Iterator[Points]:
        """The samples in the order of the file; ``series`` are places in :attr:`labels`.

        Raises ``StorageError`` that names file and line, also for a sample without a timestamp.
        """
        rest = b""
        ended = False
        while chunk := self._file.read(_CHUNK):
            self.read += len(chunk)
            whole, newline, rest = (rest + chunk).rpartition(b"\n")
            if newline:
                points, ended = self._lines(whole.split(b"\n"), ended=ended)
                yield points
        if rest or not ended:
            points, ended = self._lines([rest] if rest else [], ended=ended)
            yield points
        if not ended:
            raise StorageError(f"{self._name}: line {self._line}: the file does not end with # EOF")

    def _lines(self, lines: list[bytes], *, ended: bool) -> tuple[Points, bool]:
        if ended and lines:
            raise self._wrong(0, "data behind # EOF")
        if _END in lines:
            end = lines.index(_END)
            if lines[end + 1 :]:
                raise self._wrong(end + 1, "data behind # EOF")
            lines, ended = lines[:end], True
        comments = [at for at, line in enumerate(lines) if line[:1] == b"#"]
        parts = []
        for low, high in pairwise([-1, *comments, len(lines)]):
            if low >= 0:
                self._entry(lines[low], low)
            if high > low + 1:
                parts.append(self._samples(lines[low + 1 : high], low + 1))
        self._line += len(lines) + ended
        return _joined(parts), ended

    def _samples(self, lines: list[bytes], first: int) -> Points:
        """Samples that stand under the same metadata."""
        known = self._typed.get(self._state.type, self._known)
        split = [line.rsplit(b" ", 2) for line in lines]
        series = [known.get(parts[0], -1) for parts in split]
        if min(map(len, split)) < 3:
            series = [one if len(parts) == 3 else -1 for one, parts in zip(series, split, strict=True)]
        unusual: dict[int, Series] = {}
        if -1 in series:
            for at in [at for at, one in enumerate(series) if one < 0]:
                one = known.get(split[at][0], -1)  # the second line of a new series is not new
                if one < 0 or len(split[at]) < 3:
                    one = self._new(lines[at], at, first, split, known, unusual)
                series[at] = one
        times = self._times([parts[2] for parts in split], first)
        values = self._values([parts[1] for parts in split], first)
        for at, entry in unusual.items():
            assert entry.timestamp is not None  # _new has looked
            times[at], values[at] = entry.timestamp, entry.value
        return Points(np.array(series, dtype=np.int64), times, values)

    def _new(
        self,
        line: bytes,
        at: int,
        first: int,
        split: list[list[bytes]],
        known: dict[bytes, int],
        unusual: dict[int, Series],
    ) -> int:
        """The series of a line whose beginning is new; lines with anything behind their time become ``unusual``."""
        entry = self._entry(line, first + at)
        if not isinstance(entry, Series) or entry.timestamp is None:
            raise self._wrong(first + at, f"{line[:100].decode(errors='replace')!r} has no timestamp")
        labels = Labels({**entry.labels, **self._extra})
        one = self._numbers.get(labels)
        if one is None:
            one = self._numbers[labels] = len(self.labels)
            self.labels.append(labels)
        if split[at][0] == entry.series.encode():
            known[split[at][0]] = one
        else:  # an exemplar
            split[at] = [b"", b"0", b"0"]
            unusual[at] = entry
        return one

    def _entry(self, line: bytes, at: int) -> object:
        try:
            return parse_line(line, self._state)
        except ExpositionError as error:
            raise self._wrong(at, error.message) from error

    def _values(self, texts: list[bytes], first: int) -> NDArray[np.float64]:
        values = self._floats(texts, first)
        values[np.isnan(values)] = NORMAL_NAN
        return values

    def _times(self, texts: list[bytes], first: int) -> NDArray[np.int64]:
        """Seconds as milliseconds, cut as Prometheus cuts them."""
        seconds = self._floats(texts, first)
        wrong = np.flatnonzero(~np.isfinite(seconds) | (abs(seconds) > 1 << 53))
        if len(wrong):
            at = int(wrong[0])
            raise self._wrong(first + at, f"invalid timestamp {texts[at].decode(errors='replace')}")
        return (seconds * 1000).astype(np.int64)

    def _floats(self, texts: list[bytes], first: int) -> NDArray[np.float64]:
        """Numbers from texts. A list of them takes orjson a fifth of the time; NaN and the like it does not know."""
        joined = b",".join(texts)
        if not joined.translate(None, b"0123456789+-.eE,"):  # JSON knows more than numbers
            try:
                values = np.array(orjson.loads(b"[" + joined + b"]"), dtype=np.float64)
                if len(values) == len(texts) and np.isfinite(values).all():
                    return values
            except (ValueError, OverflowError):
                pass  # Prometheus's numbers may be written in ways that JSON's may not
        numbers = []
        for at, text in enumerate(texts):
            try:
                numbers.append(number(text))
            except ExpositionError as error:
                raise self._wrong(first + at, error.message) from error
        return np.array(numbers, dtype=np.float64)

    def _wrong(self, at: int, what: str) -> StorageError:
        return StorageError(f"{self._name}: line {self._line + at + 1}: {what}")


def _joined(parts: list[Points]) -> Points:
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return Points.none()
    return Points(
        np.concatenate([part.series for part in parts]),
        np.concatenate([part.times for part in parts]),
        np.concatenate([part.values for part in parts]),
    )
