"""Upper and lower case as Go's ``strings.ToUpper`` and ``strings.ToLower`` make them: character by character.

Python's own methods may lengthen a text ("ß" becomes "SS") and look at the neighbours of a letter; for ASCII, which is
nearly all there is, both agree.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["lower", "one_rune", "upper"]


def upper(text: str) -> str:
    """``text`` in upper case."""
    return text.upper() if text.isascii() else "".join([one_rune(char, str.upper) for char in text])


def lower(text: str) -> str:
    """``text`` in lower case."""
    return text.lower() if text.isascii() else "".join([one_rune(char, str.lower) for char in text])


def one_rune(char: str, change: Callable[[str], str]) -> str:
    """One character changed to one character: Unicode's simple mapping."""
    changed = change(char)
    if len(changed) == 1:
        return changed
    # A dotted capital I is the one character whose lower case is longer: the simple mapping gives a plain i. The simple
    # upper case of Greek letters with a small iota below keeps it, and is their title case.
    titled = char.title()
    return "i" if char == "\u0130" else titled if len(titled) == 1 else char
