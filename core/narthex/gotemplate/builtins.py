"""The functions that every Go template has. ``and``, ``or`` and ``call`` are also known to the evaluator."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

from narthex.gotemplate.calls import CallError, Function, Functions
from narthex.gotemplate.compare import equal_any, ordered
from narthex.gotemplate.escape import escape_html, escape_js, escape_query
from narthex.gotemplate.format import default_text, sprint, sprintf, sprintln
from narthex.gotemplate.values import Html, is_string_map, truth, type_name

__all__ = ["BUILTINS"]


def _and(*args: Any) -> Any:
    return next((one for one in args if not truth(one)), args[-1])


def _or(*args: Any) -> Any:
    return next((one for one in args if truth(one)), args[-1])


def _length(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, Mapping | list | tuple):
        return len(value)
    if value is None:
        raise CallError("reflect: call of reflect.Value.Type on zero Value")
    raise CallError(f"len of type {type_name(value)}")


def _index(value: Any, *keys: Any) -> Any:
    if value is None:
        raise CallError("index of untyped nil")
    for key in keys:
        value = _item(value, key)
    return value


def _item(value: Any, key: Any) -> Any:
    if isinstance(value, Mapping):
        if key is None:
            raise CallError("value is nil; should be of type string")
        if not isinstance(key, str):
            raise CallError(f"value has type {type_name(key)}; should be string")
        return value.get(key, "" if is_string_map(value) else None)
    if isinstance(value, str | list | tuple):
        at = _position(key, len(value.encode() if isinstance(value, str) else value), inclusive=False)
        return value.encode()[at] if isinstance(value, str) else value[at]
    raise CallError(f"can't index item of type {type_name(value)}")


def _position(key: Any, length: int, *, inclusive: bool) -> int:
    if key is None:
        raise CallError("cannot index slice/array with nil")
    if not isinstance(key, int) or isinstance(key, bool):
        raise CallError(f"cannot index slice/array with type {type_name(key)}")
    if key < 0 or key > length or (key == length and not inclusive):
        raise CallError(f"index out of range: {key}")
    return key


def _slice(value: Any, *bounds: Any) -> Any:
    if value is None:
        raise CallError("slice of untyped nil")
    if len(bounds) > 3:
        raise CallError(f"too many slice indexes: {len(bounds)}")
    if not isinstance(value, str | list | tuple):
        raise CallError(f"can't slice item of type {type_name(value)}")
    if isinstance(value, str) and len(bounds) == 3:
        raise CallError("cannot 3-index slice a string")
    items: bytes | Sequence[Any] = value.encode() if isinstance(value, str) else value
    start, end, *_ = (*(_position(one, len(items), inclusive=True) for one in bounds), *(0, len(items))[len(bounds) :])
    if start > end:
        raise CallError(f"invalid slice index: {start} > {end}")
    part = items[start:end]
    return part.decode(errors="replace") if isinstance(part, bytes) else part


_NO_VALUE = "<no value>"


def _joined(args: Sequence[Any]) -> str:
    """What an escaper escapes: one string as it is, anything else as ``print`` shows it."""
    if len(args) == 1:
        return args[0] if isinstance(args[0], str) else _NO_VALUE if args[0] is None else sprint(args)
    return sprint([_NO_VALUE if one is None else one for one in args])


def _call(function: Any, *_args: Any) -> Any:
    if function is None:
        raise CallError("call of nil")
    raise CallError(f"non-function {default_text(function)} of type {type_name(function)}")


BUILTINS: Functions = {
    "and": Function(_and, ("any",), "any", summary="the first argument that is empty, else the last"),
    "or": Function(_or, ("any",), "any", summary="the first argument that is not empty, else the last"),
    "not": Function(lambda one: not truth(one), ("any",), summary="whether the argument is empty"),
    "len": Function(_length, ("any",), summary="number of items, or of bytes of a string"),
    "index": Function(_index, ("any",), "any", summary="item of a map or list; further keys go deeper"),
    "slice": Function(_slice, ("any",), "any", summary="part of a string or list, from and up to the given places"),
    "print": Function(lambda *args: sprint(args), (), "any", summary="arguments as text"),
    "printf": Function(lambda form, *args: sprintf(form, args), ("string",), "any", summary="Go's Sprintf"),
    "println": Function(lambda *args: sprintln(args), (), "any", summary="arguments with spaces and a newline"),
    "html": Function(lambda *args: Html(escape_html(_joined(args))), (), "any", summary="text escaped for HTML"),
    "js": Function(lambda *args: escape_js(_joined(args)), (), "any", summary="text escaped for JavaScript"),
    "urlquery": Function(lambda *args: escape_query(_joined(args)), (), "any", summary="text escaped for a URL query"),
    "call": Function(_call, ("any",), "any", summary="calls a function value; values here never are functions"),
    "eq": Function(equal_any, ("any",), "any", summary="whether the first equals one of the others"),
    "ne": Function(lambda a, b: not equal_any(a, b), ("any", "any"), summary="whether both differ"),
    "lt": Function(ordered(operator.lt), ("any", "any"), summary="first < second"),
    "le": Function(ordered(operator.le), ("any", "any"), summary="first <= second"),
    "gt": Function(ordered(operator.gt), ("any", "any"), summary="first > second"),
    "ge": Function(ordered(operator.ge), ("any", "any"), summary="first >= second"),
}
"""By name."""
