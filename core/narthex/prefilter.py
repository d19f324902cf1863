"""Expressions that plain string operations decide, without a regular expression engine.

Read are alternations of items, an item being literal text with a wildcard (``.*``, ``.+``) before it, behind it, on
both sides or on none; wildcards, and the whole, may stand in a group. ``read_form`` answers None for everything else:
what it does not understand fully it leaves to RE2.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Form", "literal_prefix", "read_form"]

_META = frozenset("\\.+*?()|[]{}^$")
_WILD = r"\.[*+]|\(\.[*+]\)"
_ITEM = re.compile(rf"(?P<lead>{_WILD})?(?P<text>(?:[^\\.+*?()|\[\]{{}}^$]|\\[!-/:-@\[-`{{-~])*)(?P<trail>{_WILD})?")
_ENCLOSED = re.compile(r"\((?P<open>\?:|\?P?<\w+>)?(?P<inside>.*)\)", re.DOTALL)
_UNESCAPE = re.compile(r"\\(.)", re.DOTALL)


class _Item(NamedTuple):
    lead: str
    text: str
    trail: str


@dataclass(frozen=True, slots=True)
class Form:
    """How to decide an expression. ``groups`` is None where the groups need RE2."""

    matches: Callable[[str], bool]
    literals: frozenset[str] | None
    groups: Callable[[str], tuple[str, ...] | None] | None


def literal_prefix(text: str) -> str:
    """Text that every match of an expression starts with; may be shorter than it could be."""
    if "|" in text:
        return ""
    end = next((i for i, char in enumerate(text) if char in _META), len(text))
    # a quantifier after the literal run may make its last character optional
    return text[: max(end - 1, 0)] if text[end : end + 1] in {"*", "?", "{"} else text[:end]


def read_form(text: str) -> Form | None:
    """The plain way to decide a valid expression, if there is one."""
    items = _items(text)
    captured = False
    if items is None:
        enclosed = _ENCLOSED.fullmatch(text)
        if enclosed is None:
            return None
        items = _items(enclosed["inside"])
        captured = enclosed["open"] != "?:"
    if items is None:
        return None
    literals = frozenset(item.text for item in items if not (item.lead or item.trail))
    only_literals = all(not (item.lead or item.trail) for item in items)
    matches = _any([*([literals.__contains__] if literals else []), *_patterns(items)])
    return Form(matches, literals if only_literals else None, _groups(items, matches, captured=captured))


def _items(text: str) -> list[_Item] | None:
    items = []
    for part in text.split("|"):
        found = _ITEM.fullmatch(part)
        if found is None:
            return None
        items.append(_Item(found["lead"] or "", _UNESCAPE.sub(r"\1", found["text"]), found["trail"] or ""))
    return items


def _any(tests: list[Callable[[str], bool]]) -> Callable[[str], bool]:
    if len(tests) == 1:
        return tests[0]
    return lambda value: any(test(value) for test in tests)


def _patterns(items: list[_Item]) -> list[Callable[[str], bool]]:
    """One test for each item with a wildcard; all plain prefixes, and all plain suffixes, share one."""
    prefixes = tuple(one.text for one in items if _is_prefix(one))
    suffixes = tuple(one.text for one in items if _is_suffix(one))
    tests: list[Callable[[str], bool]] = []
    if prefixes:
        tests.append(lambda value: value.startswith(prefixes))
    if suffixes:
        tests.append(lambda value: value.endswith(suffixes))
    wild = [one for one in items if one.lead or one.trail]
    return tests + [_test(one) for one in wild if not (_is_prefix(one) or _is_suffix(one))]


def _is_prefix(item: _Item) -> bool:
    return bool(item.text) and not item.lead and "*" in item.trail


def _is_suffix(item: _Item) -> bool:
    return bool(item.text) and not item.trail and "*" in item.lead


def _test(item: _Item) -> Callable[[str], bool]:
    text, size = item.text, len(item.text)
    if not text:
        least = ("+" in item.lead) + ("+" in item.trail)
        return (lambda _: True) if least == 0 else bool if least == 1 else lambda value: len(value) > 1
    if not item.lead:
        return lambda value: len(value) > size and value.startswith(text)
    if not item.trail:
        return lambda value: len(value) > size and value.endswith(text)
    head, tail = int("+" in item.lead), int("+" in item.trail)
    if not head and not tail:
        return lambda value: text in value
    return lambda value: value.find(text, head, len(value) - tail) >= 0


def _groups(
    items: list[_Item], matches: Callable[[str], bool], *, captured: bool
) -> Callable[[str], tuple[str, ...] | None] | None:
    if not any(item.lead.startswith("(") or item.trail.startswith("(") for item in items):
        if captured:
            return lambda value: (value, value) if matches(value) else None
        return lambda value: (value,) if matches(value) else None
    if captured or len(items) > 1 or (items[0].lead and items[0].trail):
        return None
    item = items[0]
    size = len(item.text)
    if not size:
        return lambda value: (value, value) if matches(value) else None
    if item.lead:
        return lambda value: (value, value[:-size]) if matches(value) else None
    return lambda value: (value, value[size:]) if matches(value) else None
