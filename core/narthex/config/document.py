"""YAML and JSON text as a tree of nodes that know their place; types are decided later, by whoever reads the tree.

The tree is built from libyaml's events with a stack of our own: ``yaml.compose`` recurses in C and takes the process
down on ten thousand opening brackets, and a configuration may come from outside. Anchors become shared nodes, so a
document's size in memory is that of its text.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

import yaml

from narthex.errors import ConfigError, Problem

__all__ = ["Document", "Node", "parse_json", "parse_yaml"]

MAX_DEPTH = 200
"""Nesting that no configuration needs; more is refused before anything recurses."""

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_CORE = "tag:yaml.org,2002:"


@dataclass(slots=True, eq=False)
class Node:
    """A scalar (``value`` is its text), a list (of nodes) or a mapping (of pairs of nodes).

    ``line`` and ``column`` count from 1; 0 is an unknown place. ``plain`` tells a scalar without quotes. ``tag`` is an
    explicit tag, such as ``tag:yaml.org,2002:binary``.
    """

    kind: Literal["scalar", "list", "mapping"]
    value: Any
    line: int = 0
    column: int = 0
    plain: bool = False
    tag: str | None = None

    @property
    def is_null(self) -> bool:
        """Whether it is YAML's null: written out, or nothing at all."""
        if self.tag is not None:
            return self.tag == f"{_CORE}null"
        return self.plain and self.value in _NULLS

    @property
    def sort(self) -> str:
        """What sort of node stands there, without its content, which may be a secret in the wrong place."""
        if self.kind != "scalar":
            return f"a {self.kind}"
        return "nothing" if self.is_null else "text"

    @property
    def description(self) -> str:
        """What stands there, for messages."""
        return repr(self.value) if self.sort == "text" else self.sort


@dataclass(frozen=True, slots=True)
class Document:
    """A file's tree. ``root`` is None for a file without content; ``size`` counts nodes; ``more``: documents follow."""

    root: Node | None
    size: int = 0
    more: bool = False


def parse_yaml(text: str | bytes, file: str) -> Document:
    """Read the first document of a YAML text. Raises ``ConfigError`` with the place of a syntax error."""
    source = _decode(text, file)
    try:
        return _compose(yaml.CSafeLoader(source), file)
    except yaml.MarkedYAMLError as error:
        raise _syntax(error, file, source) from None
    except yaml.reader.ReaderError as error:
        line, column = _place(source, int(error.position))
        message = f"character U+{_code(error.character):04X} is not allowed in YAML"
        raise ConfigError((Problem(file, line, column, "", message),)) from None


def _code(character: object) -> int:
    return ord(character) if isinstance(character, str) else int(str(character))


def _decode(text: str | bytes, file: str) -> str:
    if isinstance(text, str):
        return text
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = text[: error.start].decode("utf-8", errors="replace")
        line, column = _place(before, len(before))
        raise ConfigError((Problem(file, line, column, "", "text is not valid UTF-8"),)) from None


def _place(text: str, offset: int) -> tuple[int, int]:
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _syntax(error: yaml.MarkedYAMLError, file: str, source: str) -> ConfigError:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    text = ", ".join(part for part in (error.problem, error.context) if part)
    if mark and source[mark.index : mark.index + 1] == "\t":
        text = "found a tab, expected spaces: YAML indents with spaces only"
    return ConfigError((Problem(file, line, column, "", f"YAML syntax error: {text}"),))


class _Composer:
    """The open collections of one document, innermost last."""

    __slots__ = ("anchors", "file", "root", "size", "stack")

    def __init__(self, file: str) -> None:
        self.file = file
        self.anchors: dict[str, Node] = {}
        self.stack: list[Node] = []
        self.root: Node | None = None
        self.size = 0

    def add(self, node: Node, anchor: str | None) -> None:
        """Put a node where it belongs: into the innermost collection, or at the root."""
        self.size += 1
        if anchor is not None:
            self.anchors[anchor] = node
        self._attach(node)
        if node.kind != "scalar":
            self.stack.append(node)
            if len(self.stack) > MAX_DEPTH:
                message = f"nested deeper than {MAX_DEPTH} levels"
                raise ConfigError((Problem(self.file, node.line, node.column, "", message),))

    def alias(self, event: Any) -> None:
        """Put the anchored node itself there."""
        node = self.anchors.get(event.anchor)
        if node is None:
            mark = event.start_mark
            problem = Problem(self.file, mark.line + 1, mark.column + 1, "", f"unknown anchor {event.anchor!r}")
            raise ConfigError((problem,))
        self._attach(node)

    def _attach(self, node: Node) -> None:
        if not self.stack:
            self.root = node
            return
        parent = self.stack[-1]
        if parent.kind == "mapping" and parent.value and parent.value[-1][1] is None:
            parent.value[-1] = (parent.value[-1][0], node)
        elif parent.kind == "mapping":
            parent.value.append((node, None))
        else:
            parent.value.append(node)


def _compose(loader: Any, file: str) -> Document:
    composer = _Composer(file)
    while True:
        event = loader.get_event()
        kind = type(event)
        if kind is yaml.ScalarEvent:
            mark, tag = event.start_mark, event.tag
            tag = None if tag in {None, "!", f"{_CORE}str"} else tag
            plain = event.implicit[0] and tag is None and not event.style
            node = Node("scalar", event.value, mark.line + 1, mark.column + 1, plain=plain, tag=tag)
            composer.add(node, event.anchor)
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            mark = event.start_mark
            name: Literal["mapping", "list"] = "mapping" if kind is yaml.MappingStartEvent else "list"
            composer.add(Node(name, [], mark.line + 1, mark.column + 1, tag=event.tag), event.anchor)
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            composer.stack.pop()
        elif kind is yaml.AliasEvent:
            composer.alias(event)
        elif kind is yaml.DocumentEndEvent:
            more = not isinstance(loader.get_event(), yaml.StreamEndEvent)
            return Document(composer.root, composer.size, more)
        elif kind is yaml.StreamEndEvent:
            return Document(None)


# --- JSON ------------------------------------------------------------------------------------------------------------


class _Number(str):
    """A number as it is written."""

    __slots__ = ()


class _Pairs(list[tuple[str, Any]]):
    """An object with all its keys, the repeated ones too."""

    __slots__ = ()


def parse_json(text: str | bytes, file: str) -> Document:
    """Read a JSON text into the same tree; only syntax errors know their place.

    Raises ``ConfigError`` for what is not JSON, or nested too deeply.
    """
    source = _decode(text, file)
    try:
        data = json.loads(
            source, object_pairs_hook=_Pairs, parse_int=_Number, parse_float=_Number, parse_constant=_no_constant
        )
        count = [0]
        return Document(_node_of(data, 0, count), count[0])
    except json.JSONDecodeError as error:
        raise ConfigError((Problem(file, error.lineno, error.colno, "", f"JSON syntax error: {error.msg}"),)) from None
    except RecursionError:
        raise ConfigError((Problem(file, 0, 0, "", f"nested deeper than {MAX_DEPTH} levels"),)) from None
    except ValueError as error:
        raise ConfigError((Problem(file, 0, 0, "", f"JSON syntax error: {error}"),)) from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not allowed in JSON")


def _node_of(data: Any, depth: int, count: list[int]) -> Node:
    if depth > MAX_DEPTH:
        raise RecursionError
    count[0] += 1
    if isinstance(data, _Pairs):
        pairs = [(Node("scalar", name), _node_of(value, depth + 1, count)) for name, value in data]
        return Node("mapping", pairs)
    if isinstance(data, list):
        return Node("list", [_node_of(value, depth + 1, count) for value in data])
    if isinstance(data, _Number):
        return Node("scalar", str(data), plain=True)
    if isinstance(data, str):
        return Node("scalar", data)
    words = {None: "null", True: "true", False: "false"}
    return Node("scalar", words[data], plain=True)
