"""A label set as one frozen value: sorted by name, without empty values, hashable.

An empty value and an absent label are the same thing everywhere in Prometheus's data model, so an empty one is dropped
on the way in. Names sort by code point, which for valid UTF-8 is the byte order that Go sorts by.

For one label set at a time. Many label sets at once live in a :class:`narthex.model.labeltable.LabelTable`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Self

__all__ = ["EMPTY", "Labels", "fnv1a", "quote"]

_FNV_OFFSET = 0xCBF29CE484222325
_FNV_PRIME = 0x100000001B3
_MASK64 = 0xFFFFFFFFFFFFFFFF
_PLAIN = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*").fullmatch  # names that need no quotes
_ESCAPES = {ord("\\"): "\\\\", ord('"'): '\\"', ord("\n"): "\\n"}


def fnv1a(data: bytes, state: int = _FNV_OFFSET) -> int:
    """64-bit FNV-1a of ``data``, going on from ``state``; Prometheus spreads scrapes and rule groups with it."""
    for byte in data:
        state = ((state ^ byte) * _FNV_PRIME) & _MASK64
    return state


def quote(text: str) -> str:
    """``text`` as a double-quoted PromQL or exposition string."""
    return f'"{text.translate(_ESCAPES)}"'


class Labels(Mapping[str, str]):
    """A frozen label set. Build it from a mapping or from keyword-like pairs; later pairs win."""

    __slots__ = ("_hash", "_map")

    def __init__(self, source: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        pairs = dict(source)
        self._map = {name: pairs[name] for name in sorted(pairs) if pairs[name]}
        self._hash: int | None = None

    @classmethod
    def of_sorted(cls, labels: dict[str, str]) -> Self:
        """Take a dict over as it is: sorted by name, without empty values, and nobody else's from now on."""
        made = cls.__new__(cls)
        made._map = labels  # noqa: SLF001 -- its own
        made._hash = None  # noqa: SLF001 -- its own
        return made

    @classmethod
    def of_values(cls, labels: dict[str, str], values: tuple[str, ...]) -> Self:
        """Likewise from a dict of which the values are at hand, in its order; they are what the hash is made of."""
        made = cls.__new__(cls)
        made._map = labels  # noqa: SLF001 -- its own
        made._hash = hash(values)  # noqa: SLF001 -- its own
        return made

    def __getitem__(self, name: str) -> str:
        return self._map[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._map)

    def __len__(self) -> int:
        return len(self._map)

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(tuple(self._map.values()))  # without the names: label sets rarely differ in these alone
        return self._hash

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Labels):
            return self._map == other._map
        return NotImplemented

    def __lt__(self, other: Labels) -> bool:
        return tuple(self._map.items()) < tuple(other._map.items())

    def __repr__(self) -> str:
        return f"Labels({self})"

    def __str__(self) -> str:
        """Text form of the exposition format, e.g. ``{instance="a:1", job="x"}``; unusual names stand in quotes."""
        parts = (f"{name if _PLAIN(name) else quote(name)}={quote(value)}" for name, value in self._map.items())
        return "{" + ", ".join(parts) + "}"

    def get_or_empty(self, name: str) -> str:
        """The value, or the empty text where the label is absent."""
        return self._map.get(name, "")

    def as_dict(self) -> Mapping[str, str]:
        """A read-only dict view, sorted by name; for serialising without a copy."""
        return MappingProxyType(self._map)

    def to_dict(self) -> dict[str, str]:
        """A dict of one's own to change, sorted by name."""
        return self._map.copy()

    def fnv(self) -> int:
        """64-bit FNV-1a over name, 0xFF, value, 0xFF in name order: stable over restarts and machines."""
        data = b"".join(name.encode() + b"\xff" + value.encode() + b"\xff" for name, value in self._map.items())
        return fnv1a(data)

    def with_labels(self, changes: Mapping[str, str]) -> Labels:
        """These labels with ``changes`` on top; an empty value removes."""
        return Labels({**self._map, **changes})

    def without(self, names: Iterable[str]) -> Labels:
        """These labels less ``names``."""
        dropped = set(names)
        return Labels({name: value for name, value in self._map.items() if name not in dropped})


EMPTY = Labels()
"""The label set without labels."""
