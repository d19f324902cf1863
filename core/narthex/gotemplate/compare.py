"""Go's comparisons: values of different kinds are not equal and not unequal, they are an error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from narthex.gotemplate.calls import CallError
from narthex.gotemplate.format import default_text
from narthex.gotemplate.values import type_name

__all__ = ["equal_any", "ordered"]

_KINDS: tuple[tuple[type, str], ...] = ((bool, "bool"), (int, "int"), (float, "float"), (str, "string"))


def _mismatch(first: Any, second: Any) -> CallError:
    return CallError(f"incompatible types for comparison: {type_name(first)} and {type_name(second)}")


def _kind(value: Any) -> str:
    """The kind of a value; what has none of the basic ones gives the name of its type."""
    if value is None:
        return "nil"
    return next((kind for python, kind in _KINDS if isinstance(value, python)), type_name(value))


def equal_any(first: Any, *others: Any) -> bool:
    """``eq``: whether the first equals one of the others."""
    if not others:
        raise CallError("missing argument for comparison")
    return any(_equal(first, other) for other in others)


def _equal(first: Any, other: Any) -> bool:
    kind, other_kind = _kind(first), _kind(other)
    if "nil" in {kind, other_kind}:
        return kind == other_kind
    if kind != other_kind:
        raise _mismatch(first, other)
    if isinstance(first, Mapping | list | tuple):
        raise CallError(f"non-comparable type {default_text(first)}: {type_name(first)}")
    return bool(first == other)


def ordered(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """``lt`` and its relatives, from the Python operator: for numbers of one kind, and for strings by bytes."""

    def compare(first: Any, second: Any) -> bool:
        kind, other = _kind(first), _kind(second)
        if not {kind, other} <= _BASIC or kind == other == "bool":
            raise CallError("invalid type for comparison")
        if kind != other:
            raise _mismatch(first, second)
        return test(first, second)

    return compare


_BASIC = frozenset(kind for _, kind in _KINDS)
