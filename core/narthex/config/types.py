"""Field types that a configuration dataclass may use beyond ``str``, ``int``, ``float``, ``bool`` and containers.

The type of a field decides how its YAML scalar is read, so a label value ``on``, ``012`` or ``1e3`` stays text while a
``Duration`` is parsed. The loader (:mod:`narthex.config.decode`) understands, besides these: nested frozen dataclasses,
``tuple[T, ...]``, ``Mapping[str, T]``, ``T | None``, ``Literal[...]``, ``Any`` (plain data), and every class with a
classmethod ``parse(text)`` that raises ``ValueError`` saying what was expected.

Rules for a configuration dataclass, in the core and in plugins alike:

* it is ``frozen`` and comparable by value, because a reload keeps whatever compares equal;
* a field without a default is required; defaults stand here and nowhere else; null means that the default stands;
* ``metadata=inline()`` merges the keys of a nested dataclass into the surrounding section;
* ``metadata=key("some-name")`` gives the YAML key where it differs from the field name;
* ``metadata=later("native histograms")`` makes every value but the default an error that says "not implemented yet";
* ``metadata=internal()`` keeps a field out of the file, ``metadata=consumed()`` out of what is printed;
* ``metadata=flow()`` prints a list on one line;
* a method ``check(self) -> Iterator[tuple[str, str]]`` may yield ``(key, what is wrong)`` for rules across fields;
* a method ``completed(self)`` may return the value to use instead, once it is checked (older spellings in newer).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import urlsplit

from narthex.config.durations import format_duration, format_size, parse_duration, parse_integer, parse_size
from narthex.config.names import is_label_name

__all__ = [
    "Count",
    "Duration",
    "FilePath",
    "LabelName",
    "RegexText",
    "Secret",
    "Size",
    "Url",
    "consumed",
    "flow",
    "inline",
    "internal",
    "key",
    "later",
    "open_keys",
]


class Duration(int):
    """Milliseconds. Written ``1h30m``; printed in Prometheus's canonical form."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str, *, allow_negative: bool = False) -> Duration:
        """Read a Prometheus duration (reference §1.1). Raises ``ValueError`` saying what was expected."""
        return cls(parse_duration(text, allow_negative=allow_negative))

    @property
    def seconds(self) -> float:
        """The duration in seconds."""
        return int(self) / 1000

    def __str__(self) -> str:
        return format_duration(int(self))


class Size(int):
    """Bytes. Written ``10MB``, in powers of 1024; 0 means no limit."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Size:
        """Read a size with its mandatory unit. Raises ``ValueError`` saying what was expected."""
        return cls(parse_size(text))

    def __str__(self) -> str:
        return format_size(int(self))


class Count(int):
    """A whole number that is not negative; as a limit, 0 means none."""

    numeric = True

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Count:
        """Read a whole number of at most 64 bits. Raises ``ValueError`` saying what was expected."""
        value = parse_integer(text)
        if not 0 <= value < 1 << 64:
            raise ValueError(f"expected a whole number that is not negative and fits in 64 bits, got {text}")
        return cls(value)


class Secret:
    """Text that never shows: every rendering is ``<secret>``; only :meth:`reveal` gives it away."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    @classmethod
    def parse(cls, text: str) -> Secret:
        """Take any text."""
        return cls(text)

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


_BAD_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2}).{0,2}")


class Url(str):
    """An absolute http or https URL; a password in it is masked in every output."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Check the URL. Raises ``ValueError`` saying what was expected."""
        shown = mask_url(text)
        try:
            parts = urlsplit(text)
            host = parts.hostname
            _ = parts.port  # raises for a port that is no number below 65536
        except ValueError as error:
            raise ValueError(f"expected a URL, got {shown!r}: {error}") from None
        if parts.scheme not in {"http", "https"}:
            raise ValueError(f"URL scheme must be 'http' or 'https', got {shown!r}")
        if not host:
            raise ValueError(f"host is missing in URL {shown!r}")
        if escape := _BAD_ESCAPE.search(text.partition("?")[0]):
            raise ValueError(f"expected a URL, got {shown!r}: invalid URL escape {escape[0]!r}")
        if any(char <= " " or char == "\x7f" for char in text):
            raise ValueError(f"expected a URL without spaces and control characters, got {shown!r}")
        return cls(text)

    @property
    def masked(self) -> str:
        """The URL with its password replaced by ``xxxxx``."""
        return mask_url(str(self))

    def __repr__(self) -> str:
        return repr(self.masked)


def mask_url(text: str) -> str:
    """``text`` with the password of a URL's user part replaced by ``xxxxx``, as Prometheus shows it."""
    scheme, mark, rest = text.partition("://")
    if not mark:  # no URL yet, but what someone meant as one may hold a password as well
        scheme, rest = "", text
    end = min((rest.index(char) for char in "/?#" if char in rest), default=len(rest))
    user, at, host = rest[:end].rpartition("@")
    name, colon, _ = user.partition(":")
    return f"{scheme}{mark}{name}:xxxxx{at}{host}{rest[end:]}" if at and colon else text


class LabelName(str):
    """A valid label name: any text that is not empty."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> str:
        """Check the name and give it back as plain text, which JSON writers insist on for keys.

        Raises ``ValueError`` saying what was expected.
        """
        if not is_label_name(text):
            raise ValueError(f"{text!r} is not a valid label name: expected UTF-8 text that is not empty")
        return text


class RegexText(str):
    """An RE2 expression; compiled once at load to prove it valid. An explicit null is the empty expression."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> RegexText:
        """Check the expression. Raises ``ValueError`` with RE2's reason."""
        from narthex.regex import Regex  # RE2, which a plugin that lists its kinds does not wait for

        try:
            Regex(text)
        except ValueError as error:
            raise ValueError(f"{text!r} is not a valid RE2 expression: {error}") from None
        return cls(text)

    @classmethod
    def of_null(cls) -> RegexText:
        """What a key without a value means."""
        return cls("")


def inline() -> Mapping[str, Any]:
    """Field metadata: the nested dataclass's keys stand in the surrounding section."""
    return {"narthex.inline": True}


def key(name: str) -> Mapping[str, Any]:
    """Field metadata: the key in the file where it differs from the field's name."""
    return {"narthex.key": name}


def later(feature: str) -> Mapping[str, Any]:
    """Field metadata: only the default is accepted, because ``feature`` is not implemented yet."""
    return {"narthex.later": feature}


def flow() -> Mapping[str, Any]:
    """Field metadata: a list that is printed on one line, as Prometheus does for source labels."""
    return {"narthex.flow": True}


def consumed() -> Mapping[str, Any]:
    """Field metadata: not printed, because what the field names has been read into other fields."""
    return {"narthex.consumed": True}


def internal() -> Mapping[str, Any]:
    """Field metadata: the field is filled in by the loader and has no key in the file."""
    return {"narthex.internal": True}


def open_keys(table: str) -> Mapping[str, Any]:
    """Field metadata: keys that no field has are looked up in a table of the loader, such as the installed kinds.

    The values are gathered into this field; see :class:`narthex.config.session.KeyTable`.
    """
    return {"narthex.open": table}
