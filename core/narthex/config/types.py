"""Field types that a configuration dataclass may use beyond ``str``, ``int``, ``float``, ``bool`` and containers.

The type of a field decides how its YAML scalar is read, so a label value ``on``, ``012`` or ``1e3`` stays text while a
``Duration`` is parsed. The loader (:mod:`narthex.config.decode`) understands, besides these: nested frozen dataclasses,
``tuple[T, ...]``, ``Mapping[str, T]``, ``T | None``, ``Literal[...]``.

Rules for a configuration dataclass, in the core and in plugins alike:

* it is ``frozen`` and comparable by value, because a reload keeps whatever compares equal;
* a field without a default is required; defaults stand here and nowhere else;
* ``metadata=inline()`` merges the keys of a nested dataclass into the surrounding section;
* ``metadata=key("some-name")`` gives the YAML key where it differs from the field name;
* a method ``check(self) -> Iterator[tuple[str, str]]`` may yield ``(key, what is wrong)`` for rules across fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["Duration", "FilePath", "LabelName", "RegexText", "Secret", "Size", "Url", "inline", "key"]


class Duration(int):
    """Milliseconds. Written ``1h30m``; printed in Prometheus's canonical form."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str, *, allow_negative: bool = False) -> Duration:
        """Read a Prometheus duration (reference §1.1). Raises ``ValueError`` saying what was expected."""
        from narthex.config.durations import parse_duration

        return cls(parse_duration(text, allow_negative=allow_negative))

    @property
    def seconds(self) -> float:
        """The duration in seconds."""
        return int(self) / 1000

    def __str__(self) -> str:
        from narthex.config.durations import format_duration

        return format_duration(int(self))


class Size(int):
    """Bytes. Written ``10MB``, in powers of 1024; 0 means no limit."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Size:
        """Read a size with its mandatory unit. Raises ``ValueError`` saying what was expected."""
        from narthex.config.durations import parse_size

        return cls(parse_size(text))

    def __str__(self) -> str:
        from narthex.config.durations import format_size

        return format_size(int(self))


class Secret:
    """Text that never shows: every rendering is ``<secret>``; only :meth:`reveal` gives it away."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the request that needs it."""
        return self._text

    def __str__(self) -> str:
        return "<secret>"

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __bool__(self) -> bool:
        return bool(self._text)


class FilePath(str):
    """A file name, joined to the directory of the configuration file that names it."""

    __slots__ = ()


class Url(str):
    """An absolute http or https URL; a password in it is masked in every output."""

    __slots__ = ()


class LabelName(str):
    """A valid label name."""

    __slots__ = ()


class RegexText(str):
    """An RE2 expression; compiled once at load to prove it valid."""

    __slots__ = ()


def inline() -> Mapping[str, Any]:
    """Field metadata: the nested dataclass's keys stand in the surrounding section."""
    return {"narthex.inline": True}


def key(name: str) -> Mapping[str, Any]:
    """Field metadata: the key in the file where it differs from the field's name."""
    return {"narthex.key": name}
