"""Go's comparisons: values of different kinds are not equal and not unequal, they are an error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from narthex.gotemplate.calls import CallError
from narthex.gotemplate.values import Exported, type_name

__all__ = ["equal_any", "ordered"]

_KINDS: tuple[tuple[type, str], ...] = ((bool, "bool"), (int, "int"), (float, "float"), (str, "string"))


def _kind(value: Any) -> str:
    for python, kind in _KINDS:
        if isinstance(value, python):
            return kind
    if value is None:
        return "nil"
    if isinstance(value, Mapping | list | tuple):
        raise CallError(f"non-comparable type {type_name(value)}")
    return "struct" if isinstance(value, Exported) else type(value).__name__


def equal_any(first: Any, *others: Any) -> bool:
    """``eq``: whether the first equals one of the others."""
    if not others:
        raise CallError("missing argument for comparison")
    kind = _kind(first)
    return any(_equal(kind, first, other) for other in others)


def _equal(kind: str, first: Any, other: Any) -> bool:
    other_kind = _kind(other)
    if "nil" in {kind, other_kind}:
        return kind == other_kind
    if kind != other_kind:
        raise CallError("incompatible types for comparison")
    return bool(first == other)


def ordered(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """``lt`` and its relatives, from the Python operator: for numbers of one kind, and for strings by bytes."""

    def compare(first: Any, second: Any) -> bool:
        kind, other = _kind(first), _kind(second)
        if kind not in {"int", "float", "string"} or other not in {"int", "float", "string"}:
            raise CallError("invalid type for comparison")
        if kind != other:
            raise CallError("incompatible types for comparison")
        return test(first, second)

    return compare
