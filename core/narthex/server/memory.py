"""Memory that is free within the process, given back to the machine."""

from __future__ import annotations

import ctypes
from functools import cache

__all__ = ["give_back"]


@cache
def _trim() -> ctypes._NamedFuncPointer | None:
    """The function of glibc, where that is the C library."""
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return None


def give_back() -> None:
    """Have the C library return free pages. For a worker thread: with a large heap it takes some milliseconds.

    Taking 100,000 targets up needs twice of what they are kept in, and the library would keep the rest for ever.
    """
    trim = _trim()
    if trim is not None:
        trim(0)
