"""What a program writes to standard output: kept within a limit, and never more than the newest list."""

from __future__ import annotations

import asyncio

from narthex.errors import DiscoveryError

__all__ = ["LatestLine", "Whole"]


class Whole:
    """Everything, below a limit in bytes (0: none)."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> None:
        """Take a piece. Raises ``DiscoveryError`` when the limit is reached."""
        self._size += len(data)
        if self._limit and self._size >= self._limit:
            raise DiscoveryError(f"the program printed a list of {self._limit} or more")
        self._pieces.append(data)

    def take(self) -> bytes:
        """What was printed; from here on all is new."""
        text = b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        return text


class LatestLine:
    """The newest complete line. Each is a whole list, so one that nobody has read yet may be forgotten."""

    def __init__(self, limit: int) -> None:
        self._rest = Whole(limit)
        self._line: bytes | None = None
        self.news = asyncio.Event()
        """Set while there is something to look at."""

    def feed(self, data: bytes) -> None:
        """Take a piece. Raises ``DiscoveryError`` when a line reaches the limit."""
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._rest.feed(line)
            whole = self._rest.take()
            if whole.strip():
                self._line = whole
                self.news.set()
        self._rest.feed(rest)

    def take(self) -> bytes | None:
        """The line; None where all were taken."""
        line, self._line = self._line, None
        self.news.clear()
        return line
