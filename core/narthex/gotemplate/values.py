"""How Go's values look in Python, so that templates behave as if they ran in Go.

============================  =====================================================
Go                            Python
============================  =====================================================
string, bool, nil             ``str``, ``bool``, ``None``
int, uint, float64            ``int``, :class:`Uint`, ``float``
map[string]string             :class:`narthex.model.labels.Labels` or :class:`StringMap`
map[string]interface {}       any other mapping
slice                         ``list`` or ``tuple``
struct, or a type with methods  :class:`Exported`
============================  =====================================================

The two sorts of map differ in what an absent key gives: the empty text, or no value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from narthex.model.labels import Labels

__all__ = ["Exported", "Html", "StringMap", "Uint", "is_string_map", "is_struct", "text_of", "truth", "type_name"]


class Uint(int):
    """Go's ``uint``: prints like an int, but is a type of its own."""

    __slots__ = ()


class StringMap(dict[str, str]):
    """Go's ``map[string]string``."""

    __slots__ = ()


class Html(str):
    """Text that is HTML already and is not escaped again (``template.HTML``)."""

    __slots__ = ()


class Exported:
    """Base of the objects that templates may look into.

    ``go_names`` maps a Go field or method to the Python attribute; what is not listed cannot be reached. An attribute
    that is callable is a method. ``go_any`` names the fields that have no type of their own in Go. ``go_text`` is what
    printing it gives. A map or list with methods derives from a container as well, and goes on behaving as one.
    """

    go_type: ClassVar[str] = "struct"
    go_names: ClassVar[Mapping[str, str]] = {}
    go_any: ClassVar[frozenset[str]] = frozenset()

    def go_text(self) -> str | None:
        """The result of Go's ``String`` method, or None for a type without one."""
        return None


_TYPES: tuple[tuple[type, str], ...] = (
    (bool, "bool"),
    (Uint, "uint"),
    (int, "int"),
    (float, "float64"),
    (Html, "template.HTML"),
    (str, "string"),
    (list, "[]interface {}"),
    (tuple, "[]interface {}"),
)


def is_struct(value: object) -> bool:
    """Whether the value has fields and methods and is no container."""
    return isinstance(value, Exported) and not isinstance(value, Mapping | list | tuple)


def is_string_map(value: object) -> bool:
    """Whether the value is a map whose absent keys give the empty text."""
    return isinstance(value, Labels | StringMap)


def type_name(value: Any) -> str:
    """Go's name of the value's type, as ``%T`` prints it."""
    if value is None:
        return "<nil>"
    if isinstance(value, Exported):
        return value.go_type
    if is_string_map(value):
        return "map[string]string"
    if isinstance(value, Mapping):
        return "map[string]interface {}"
    return next((name for python, name in _TYPES if isinstance(value, python)), type(value).__name__)


def truth(value: Any) -> bool:
    """Go's truth of a value: false for false, 0, nil, and the empty string, slice and map; true for any struct."""
    return True if is_struct(value) else bool(value)


def text_of(value: Any) -> str | None:
    """What a value's own ``String`` method gives, or None where the type has none."""
    return value.go_text() if isinstance(value, Exported) else None
