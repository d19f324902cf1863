"""Notices files, directories, programs, databases and sleeps: what a builder must leave to the object that it builds.

Unlike the other guards it is for a few calls, not for whole tests. Connections are the network guard's.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import get_ident
from typing import Any

from narthex.testing.guards.finding import Finding, whereabouts

__all__ = ["IoGuard", "io_guard"]

_DOING = {
    "open": "opens",
    "os.listdir": "lists",
    "os.scandir": "lists",
    "os.mkdir": "makes the directory",
    "os.remove": "removes",
    "os.rename": "renames",
    "socket.bind": "listens on",
    "socket.connect": "connects to",
    "socket.getaddrinfo": "looks up",
    "sqlite3.connect": "opens the database",
    "subprocess.Popen": "runs",
    "time.sleep": "sleeps for",
}


class IoGuard:
    """Records, on the thread that watches, what the interpreter's audit events tell of."""

    def __init__(self) -> None:
        self._found: list[Finding] | None = None
        self._thread = 0
        sys.addaudithook(self._hook)

    @contextmanager
    def watch(self, found: list[Finding]) -> Iterator[None]:
        """Record while the block runs."""
        self._found, self._thread = found, get_ident()
        try:
            yield
        finally:
            self._found = None

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        found = self._found
        if found is None or event not in _DOING or get_ident() != self._thread:
            return
        what = arguments[1] if event in {"socket.bind", "socket.connect"} else arguments[0]
        if event == "open" and (not isinstance(what, str) or what.endswith((".py", ".pyc", ".so"))):
            return  # an import that was put off until now
        found.append(Finding("io", f"{_DOING[event]} {what!r:.80}, at {whereabouts(sys._getframe(1))}"))  # noqa: SLF001 -- as documented


@cache
def io_guard() -> IoGuard:
    """The one of the process, because an audit hook cannot be taken away again."""
    return IoGuard()
