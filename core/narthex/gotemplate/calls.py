"""What a template function is, and how a call is checked before it is made.

Go finds a wrong argument count or type by reflection; here each function declares its parameters, and the same errors
come out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from narthex.gotemplate.values import type_name

__all__ = ["CallError", "Function", "Functions", "checked"]


class CallError(Exception):
    """A function cannot do what it was asked; the text becomes part of the template's error."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function that templates may call.

    ``params`` are Go types: ``any`` takes everything, ``string``, ``int`` and ``float64`` are checked, other names
    are compared with the value's own type name. ``rest`` is the type of further arguments, None where there are none.
    ``wants_run`` puts the running template before the arguments, for functions that render other templates.
    """

    call: Callable[..., Any]
    params: tuple[str, ...] = ()
    rest: str | None = None
    wants_run: bool = False
    summary: str = ""


Functions = Mapping[str, Function]


def checked(name: str, function: Function, args: Sequence[Any]) -> list[Any]:
    """The arguments as the function wants them. Raises ``CallError`` for a wrong number or type."""
    least = len(function.params)
    if len(args) < least or (len(args) > least and function.rest is None):
        more = "at least " if function.rest is not None else ""
        raise CallError(f"wrong number of args for {name}: want {more}{least} got {len(args)}")
    types = (*function.params, *([function.rest or "any"] * (len(args) - least)))
    return [_converted(value, wanted) for value, wanted in zip(args, types, strict=True)]


def _converted(value: Any, wanted: str) -> Any:
    if wanted == "any":
        return value
    found = type_name(value)
    if found == wanted or (wanted == "string" and isinstance(value, str)):
        return value
    if wanted == "float64" and found == "int":  # a whole constant is a float where a float is wanted
        return float(value)
    if value is None:
        raise CallError(f"invalid value; expected {wanted}")
    raise CallError(f"wrong type for value; expected {wanted}; got {found}")
