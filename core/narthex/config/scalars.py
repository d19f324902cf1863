"""Readers of scalars: the target type decides what a text means, so ``on`` is text for a label and true for a flag."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any

from narthex.config.document import Node
from narthex.config.durations import parse_integer
from narthex.config.session import INVALID, Path, Session, suggestion
from narthex.config.types import FilePath

__all__ = ["SCALARS", "Reader", "choice_reader", "parsed_reader", "read_plain", "text_of"]

Reader = Callable[[Session, Node, Path], Any]

_BINARY = "tag:yaml.org,2002:binary"
_TRUE = frozenset(word for one in ("y", "yes", "true", "on") for word in (one, one.capitalize(), one.upper()))
_FALSE = frozenset(word for one in ("n", "no", "false", "off") for word in (one, one.capitalize(), one.upper()))
_FLOAT = re.compile(r"[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


def text_of(session: Session, node: Node, path: Path, expected: str = "text") -> Any:
    """The scalar's text, base64 of ``!!binary`` undone, or INVALID."""
    if node.kind != "scalar":
        return session.fail(node, path, f"expected {expected}, got {node.description}")
    if session.json and node.plain:
        return session.fail(node, path, f"expected {expected}, got {node.value} without quotes")
    if node.tag != _BINARY:
        return node.value
    try:
        return base64.b64decode(node.value, validate=True).decode()
    except (binascii.Error, ValueError):
        return session.fail(node, path, "!!binary value is not base64 of UTF-8 text")


def _read_bool(session: Session, node: Node, path: Path) -> Any:
    if node.kind == "scalar" and node.plain and (node.value in _TRUE or node.value in _FALSE):
        return node.value in _TRUE
    return session.fail(node, path, f"expected true or false, got {node.description}")


def _read_int(session: Session, node: Node, path: Path) -> Any:
    if node.kind != "scalar" or not node.plain:
        return session.fail(node, path, f"expected a whole number, got {node.description}")
    try:
        return parse_integer(node.value)
    except ValueError as error:
        return session.fail(node, path, str(error))


def _read_float(session: Session, node: Node, path: Path) -> Any:
    if node.kind == "scalar" and node.plain:
        if _FLOAT.fullmatch(node.value):
            return float(node.value.replace("_", ""))
        if _SPECIAL.fullmatch(node.value):
            return float(node.value.replace(".", ""))
    return session.fail(node, path, f"expected a number, got {node.description}")


def _read_path(session: Session, node: Node, path: Path) -> Any:
    text = text_of(session, node, path, "a file name")
    return INVALID if text is INVALID else FilePath(session.join(text))


def _read_any(session: Session, node: Node, path: Path) -> Any:
    return read_plain(session, node, path)


SCALARS: dict[Any, Reader] = {
    str: text_of,
    bool: _read_bool,
    int: _read_int,
    float: _read_float,
    FilePath: _read_path,
    Any: _read_any,
}
"""The readers of the types that have no ``parse`` of their own."""


def parsed_reader(cls: Any) -> Reader:
    """The reader of a class with ``parse(text)``; a class that derives from a number refuses quoted text."""
    numeric = getattr(cls, "numeric", False)
    parse = cls.parse

    def read(session: Session, node: Node, path: Path) -> Any:
        if numeric and (node.kind != "scalar" or not node.plain):
            return session.fail(node, path, f"expected a number, got {node.description}")
        text = node.value if numeric else text_of(session, node, path)
        if text is INVALID:
            return INVALID
        try:
            return parse(text)
        except ValueError as error:
            return session.fail(node, path, str(error))

    return read


def choice_reader(options: tuple[Any, ...]) -> Reader:
    """The reader of a ``Literal`` of texts."""
    listed = f"{'one of ' if len(options) > 1 else ''}{', '.join(map(str, options))}"

    def read(session: Session, node: Node, path: Path) -> Any:
        text = text_of(session, node, path, listed)
        if text is INVALID or text in options:
            return text
        return session.fail(node, path, f"expected {listed}; got {text!r}{suggestion(text, options)}")

    return read


def read_plain(session: Session, node: Node, path: Path, depth: int = 0) -> Any:
    """Plain data as YAML 1.2's core types: for sections that are handed on as they are. INVALID if it has no end."""
    if depth > 100:
        return session.fail(node, path, "nested deeper than 100 levels")
    if node.kind == "list":
        session.spend(len(node.value))
        return [read_plain(session, one, (path, i), depth + 1) for i, one in enumerate(node.value)]
    if node.kind == "mapping":
        pairs = session.entries(node, path)
        session.spend(len(pairs))
        return {name: read_plain(session, value, (path, name), depth + 1) for name, (_, value) in pairs.items()}
    if node.is_null:
        return None
    return _plain_scalar(node) if node.plain else node.value


def _plain_scalar(node: Node) -> Any:
    text = node.value
    if text in {"true", "True", "TRUE", "false", "False", "FALSE"}:
        return text.lower() == "true"
    if re.fullmatch(r"[-+]?[0-9]{1,18}", text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) and "_" not in text else text
