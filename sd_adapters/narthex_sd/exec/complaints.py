"""What a program writes to standard error: told to the log under its name, but no flood of it."""

from __future__ import annotations

import logging

from prometheus_client import Counter

from narthex.clock import Clock

__all__ = ["Complaints"]

Log = logging.LoggerAdapter[logging.Logger]

_BURST = 20
"""Lines that are logged at once; after that one for each ``_PERIOD``. The others are counted."""
_PERIOD = 3.0
_LONGEST = 500
"""Bytes of a line that are kept."""


class Complaints:
    """Lives as long as a discoverer, so that a program started again and again gets no new burst each time."""

    def __init__(self, program: str, log: Log, clock: Clock, lines: Counter) -> None:
        self.last = ""
        """The last line of the present run; it usually says why the run failed."""
        self._program = program
        self._log = log
        self._clock = clock
        self._lines = lines
        self._rest = b""
        self._credit = float(_BURST)
        self._counted = clock.monotonic()
        self._unsaid = 0

    def begin(self) -> None:
        """A new run."""
        self.last, self._rest = "", b""

    def feed(self, data: bytes) -> None:
        """Take a piece."""
        *lines, rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._say(line)
        self._rest = rest[:_LONGEST]  # of a line without end only the beginning is kept

    def end(self) -> None:
        """The run is over: what has no end of line is a line too."""
        self._say(self._rest)
        self._rest = b""

    def _say(self, line: bytes) -> None:
        text = line[:_LONGEST].decode("utf-8", errors="replace").strip()
        if not text:
            return
        self.last = text
        self._lines.inc()
        now = self._clock.monotonic()
        self._credit = min(self._credit + (now - self._counted) / _PERIOD, float(_BURST))
        self._counted = now
        if self._credit < 1:
            self._unsaid += 1
            return
        self._credit -= 1
        extra: dict[str, object] = {"program": self._program, "line": text}
        if self._unsaid:
            extra["not_logged"] = self._unsaid
            self._unsaid = 0
        self._log.warning("Program wrote to standard error", extra=extra)
