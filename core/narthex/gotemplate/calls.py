"""What a template function is, and how a call is checked before it is made.

Go finds a wrong argument count or type by reflection; here each function declares its parameters, and the same errors
come out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from narthex.gotemplate.values import type_name

__all__ = ["CallError", "Function", "Functions", "assigned", "can_be_nil", "check_count", "constant"]


class CallError(Exception):
    """A function cannot do what it was asked; the text becomes part of the template's error."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function that templates may call.

    ``params`` are Go types: ``any`` takes everything, ``string``, ``bool``, ``int`` and ``float64`` take constants of
    their sort, other names are compared with the value's own type name; pointers, slices and maps may be nil (None).
    ``rest`` is the type of further arguments, None where there are none.
    ``wants_run`` puts the running template before the arguments, for functions that render other templates.
    """

    call: Callable[..., Any]
    params: tuple[str, ...] = ()
    rest: str | None = None
    wants_run: bool = False
    summary: str = ""


Functions = Mapping[str, Function]


def check_count(name: str, function: Function, given: int, *, piped: bool) -> None:
    """Whether a call has the right number of arguments, ``given`` without the piped one. Raises ``CallError``."""
    least, count = len(function.params), given + piped
    if function.rest is not None and count < least:
        raise CallError(f"wrong number of args for {name}: want at least {least} got {given}")
    if function.rest is None and count != least:
        raise CallError(f"wrong number of args for {name}: want {least} got {count}")


def can_be_nil(wanted: str) -> bool:
    """Whether nil is a value of the Go type."""
    return wanted in _NILABLE or wanted.startswith(("*", "[]", "map["))


_NILABLE = frozenset({"any", "template.queryResult"})


def assigned(value: Any, wanted: str) -> Any:
    """A computed value where a parameter of the Go type stands. Raises ``CallError`` where Go could not assign it."""
    if wanted == "any":
        return value
    found = type_name(value)
    if found == wanted or (wanted == "string" and isinstance(value, str)):
        return value
    if value is None:
        if can_be_nil(wanted):
            return None
        raise CallError(f"invalid value; expected {wanted}")
    raise CallError(f"wrong type for value; expected {wanted}; got {found}")


def constant(value: Any, wanted: str, text: str) -> Any:
    """A constant there, which has no type yet. Raises ``CallError`` for one of another sort; ``text`` is its source."""
    if wanted == "any":
        return value
    if wanted not in _CONSTANTS:
        raise CallError(f"can't handle {text} for arg of type {wanted}")
    python, name = _CONSTANTS[wanted]
    if isinstance(value, bool) is not (python is bool) or not isinstance(value, python):
        raise CallError(f"expected {name}; found {text}")
    return float(value) if wanted == "float64" else value


_CONSTANTS: Mapping[str, tuple[Any, str]] = {
    "string": (str, "string"),
    "bool": (bool, "bool"),
    "int": (int, "integer"),
    "float64": (int | float, "float"),
}
