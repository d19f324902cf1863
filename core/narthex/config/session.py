"""One file while it is read: the problems found so far, where every value stands, and a bound on the work.

Nothing stops at the first problem. A reader that cannot produce a value notes why and returns :data:`INVALID`; whoever
asked goes on with the rest. At the end the file is refused if anything was noted.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from narthex.config.document import Document, Node
from narthex.errors import ConfigError, Problem

__all__ = ["INVALID", "KeyTable", "Path", "Session", "suggestion"]

MAX_PROBLEMS = 500
MAX_MESSAGE = 500
_MERGE = "<<"


class _Invalid:
    """What a reader returns instead of a value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "INVALID"


INVALID: Final = _Invalid()

Path = tuple["Path", "str | int"] | None
"""A key path as a linked list, innermost first: it costs one tuple a level, and is spelled out for problems only."""

Entries = Mapping[str, tuple[Node, Node]]


class KeyTable(Protocol):
    """Keys that no field has: what stands under them, and how their values become one field."""

    def type_of(self, key: str) -> Any:
        """The type of the value under ``key``; None if unknown. Raises ``ValueError`` with what is known about it."""

    def names(self) -> Iterable[str]:
        """All keys, for suggestions."""

    def gather(self, values: list[tuple[str, Any]]) -> Any:
        """The field's value from ``(key, value)`` in file order. Raises ``ValueError`` if they do not go together."""


class TooLargeError(Exception):
    """Aliases make the document much larger than its text."""


@dataclass(slots=True)
class Session:
    """Reading one document. ``directory`` is what relative file names in it are joined to.

    With ``json`` keys of sections match in any case, and a number is no text, as Go's JSON decoder has it.
    """

    file: str
    document: Document
    directory: str = ""
    tables: Mapping[str, KeyTable] = field(default_factory=dict)
    json: bool = False
    problems: list[Problem] = field(default_factory=list)
    _places: dict[int, tuple[Any, Node, Path]] = field(default_factory=dict)
    _entries: dict[int, dict[str, tuple[Node, Node]] | None] = field(default_factory=dict)
    _budget: int = field(init=False)

    def __post_init__(self) -> None:
        self._budget = max(100_000, 20 * self.document.size)

    def fail(self, node: Node, path: Path, message: str) -> Any:
        """Note a problem; returns :data:`INVALID` so that a reader can end with it."""
        if len(self.problems) < MAX_PROBLEMS:
            shown = message if len(message) <= MAX_MESSAGE else f"{message[:MAX_MESSAGE]}…"
            self.problems.append(Problem(self.file, node.line, node.column, spell(path), shown))
        elif len(self.problems) == MAX_PROBLEMS:
            rest = f"more than {MAX_PROBLEMS} problems; the rest is not listed"
            self.problems.append(Problem(self.file, node.line, node.column, "", rest))
        return INVALID

    def spend(self, elements: int) -> None:
        """Count work; bounds what aliases within aliases can make of a short text. Raises ``TooLargeError``."""
        self._budget -= elements
        if self._budget < 0:
            raise TooLargeError("aliases make the document much larger than its text")

    def join(self, name: str) -> str:
        """A file name as seen from the file that holds it."""
        return os.path.normpath(os.path.join(self.directory, name)) if name else name  # noqa: PTH118 -- text in, text out

    # --- places ------------------------------------------------------------------------------------------------------

    def remember(self, value: Any, node: Node, path: Path) -> None:
        """Note where a value came from; it is kept alive, so its id stays its own."""
        self._places[id(value)] = (value, node, path)

    def fail_at(self, value: Any, key: str, message: str) -> None:
        """Note a problem of a value read before: at its ``key`` if that stands in the file, else at the value."""
        _, node, path = self._places.get(id(value), (None, self.document.root or Node("mapping", []), None))
        if key:
            path = (path, key)
            if node.kind == "mapping":
                node = self.entries(node, path).get(key, (node, node))[1]
        self.fail(node, path, message)

    def line_of(self, value: Any, key: str = "") -> int:
        """The line on which a value, or a key of it, stands; 0 if it was not read from here."""
        place = self._places.get(id(value))
        if place is None:
            return 0
        node = place[1]
        if key and node.kind == "mapping":
            node = self.entries(node, place[2]).get(key, (node, node))[1]
        return node.line

    def path_of(self, value: Any) -> str:
        """The key path under which a value stands; empty if it was not read from here."""
        place = self._places.get(id(value))
        return spell(place[2]) if place else ""

    def has(self, value: Any, key: str) -> bool:
        """Whether ``key`` stands in the mapping that ``value`` was read from, with something under it."""
        place = self._places.get(id(value))
        if place is None or place[1].kind != "mapping":
            return False
        pair = self.entries(place[1], place[2]).get(key)
        return pair is not None and not pair[1].is_null

    # --- mappings ----------------------------------------------------------------------------------------------------

    def entries(self, node: Node, path: Path) -> dict[str, tuple[Node, Node]]:
        """The pairs of a mapping by key, merge keys resolved; the mapping's own keys win over merged ones."""
        known = self._entries.get(id(node), ...)
        if known is None:
            self.fail(node, path, "the mapping is merged into itself")
            return {}
        if known is not ...:
            return known
        self._entries[id(node)] = None
        result: dict[str, tuple[Node, Node]] = {}
        merged: list[Node] = []
        for name, value in node.value:
            if name.kind != "scalar":
                self.fail(name, path, f"expected text as a key, got {name.description}")
            elif name.value == _MERGE and name.plain:
                merged.extend(value.value if value.kind == "list" else [value])
            elif name.value in result:
                first = result[name.value][0].line
                where = f", first in line {first}" if first else ""
                self.fail(name, (path, name.value), f"duplicate key {name.value!r}{where}")
            else:
                result[name.value] = (name, value)
        self._merge(result, merged, path)
        self._entries[id(node)] = result
        return result

    def _merge(self, result: dict[str, tuple[Node, Node]], merged: list[Node], path: Path) -> None:
        for one in merged:
            if one.kind != "mapping":
                self.fail(one, path, f"expected a mapping to merge, got {one.description}")
                continue
            found = self.entries(one, path)
            self.spend(len(found))
            for name, pair in found.items():
                result.setdefault(name, pair)

    def finish(self) -> None:
        """Raise ``ConfigError`` with every problem, in file order, if there is any."""
        if self.problems:
            raise ConfigError(self.sorted_problems())

    def sorted_problems(self) -> tuple[Problem, ...]:
        """The problems in file order."""
        return tuple(sorted(self.problems, key=lambda one: (one.line, one.column)))


def spell(path: Path) -> str:
    """A key path as text, such as ``scrape_configs[2].relabel_configs[0].regex``."""
    parts: list[str] = []
    while path is not None:
        path, part = path
        if isinstance(part, int):
            parts.append(f"[{part}]")
        elif part.replace("_", "a").replace("-", "a").isalnum():
            parts.append(f".{part}")
        else:
            parts.append(f"[{part!r}]")
    return "".join(reversed(parts)).removeprefix(".")


def suggestion(word: str, known: Iterable[str]) -> str:
    """``; did you mean …?`` where a known word is close, else nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.7)
    return f"; did you mean {close[0]!r}?" if close else ""
