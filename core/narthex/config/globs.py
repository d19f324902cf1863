"""File name patterns as Go's ``filepath.Glob`` reads them: names with a leading dot match, results are sorted.

Python's ``glob`` skips dot-files and knows no backslash escapes, so the same pattern would load other files than under
Prometheus.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

__all__ = ["check_pattern", "expand", "expand_all"]

_ALLOWED = re.compile(r"[^*]*(\*[^/]*)?")
_META = re.compile(r"[*?\[\\]")
_RANGE = re.compile(r"(?:\\(.)|([^\\\-\]]))(?:-(?:\\(.)|([^\\\-\]])))?", re.DOTALL)
_ITEM = re.compile(r"\*|\?|\[(?P<not>\^?)(?P<set>(?:\\.|[^\]\\])+)\]|\\(?P<char>.)|(?P<plain>[^*?\[\\])", re.DOTALL)


def check_pattern(pattern: str) -> str:
    """What is wrong with a pattern of ``rule_files`` or ``scrape_config_files``; empty if nothing is.

    Prometheus allows ``*`` in the last part of the path only.
    """
    if not pattern:
        return "the file name must not be empty"
    if not _ALLOWED.fullmatch(pattern):
        return f"invalid file pattern {pattern!r}: '*' may stand in the last part of the path only"
    try:
        _compile(pattern)
    except ValueError as error:
        return str(error)
    return ""


def expand(pattern: str) -> list[str]:
    """The existing paths that match, sorted; an empty list if none does. Raises ``ValueError`` for a broken pattern."""
    _compile(pattern)
    return sorted(_expand(pattern))


def expand_all(patterns: Iterable[str]) -> tuple[Path, ...]:
    """The files of several patterns: in the order of the patterns, each file once."""
    return tuple(dict.fromkeys(Path(name) for pattern in patterns for name in expand(pattern)))


def _expand(pattern: str) -> list[str]:
    if not _META.search(pattern):
        return [pattern] if os.path.lexists(pattern) else []
    directory, name = os.path.split(pattern)
    parents = _expand(directory) if directory and _META.search(directory) else [directory]
    matches = _compile(name).fullmatch
    return [
        os.path.join(parent, one)  # noqa: PTH118 -- the parent is kept as it was written
        for parent in parents
        for one in _names(parent or ".")
        if matches(one)
    ]


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)  # noqa: PTH208 -- names are matched, not paths
    except OSError:
        return []  # as Go has it: what cannot be listed matches nothing


def _compile(pattern: str) -> re.Pattern[str]:
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        match = _ITEM.match(pattern, at)
        if match is None:
            raise ValueError(f"invalid file pattern {pattern!r}: syntax error at {pattern[at:]!r}")
        parts.append(_translate(match))
        at = match.end()
    try:
        return re.compile("".join(parts), re.DOTALL)
    except re.error as error:
        raise ValueError(f"invalid file pattern {pattern!r}: {error}") from None


def _character_class(text: str, negation: str) -> str:
    """What stands in brackets: characters and ranges; a dash by itself is escaped. Raises ``ValueError``."""
    parts: list[str] = []
    at = 0
    while at < len(text):
        one = _RANGE.match(text, at)
        if one is None:
            raise ValueError(f"invalid file pattern: syntax error at {text[at:]!r}")
        low = one[1] or one[2]
        high = one[3] or one[4] or low
        parts += [f"{re.escape(low)}-{re.escape(high)}"] if low <= high else []
        at = one.end()
    if not parts:  # ranges that end before they begin hold nothing
        return "." if negation else "(?!)"
    return f"[{negation}{''.join(parts)}]"


def _translate(match: re.Match[str]) -> str:
    if match["plain"] or match["char"]:
        return re.escape(match["plain"] or match["char"])
    if match["set"]:
        return _character_class(match["set"], match["not"])
    return "[^/]*" if match[0] == "*" else "[^/]"
