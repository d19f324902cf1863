"""Read a tree of nodes into frozen dataclasses; the dataclass is the schema (rules in :mod:`narthex.config.types`).

For each type one reader is compiled, once, from its annotations. Plugins' configs, target files and rule files go
through here as the main file does, so key paths, line numbers and messages are the same for everyone.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from functools import cache
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from narthex.config.document import Document, Node, parse_json, parse_yaml
from narthex.config.scalars import SCALARS, Reader, choice_reader, parsed_reader
from narthex.config.session import INVALID, KeyTable, Path, Session, TooLargeError, suggestion

__all__ = ["decode_json", "decode_yaml", "field_key", "no_list", "read_document", "reader_of", "section_keys"]

T = TypeVar("T")
Pairs = dict[str, tuple[Node, Node]]


def decode_yaml(
    cls: type[T], text: str | bytes, file: str, *, directory: str = "", tables: Mapping[str, KeyTable] | None = None
) -> T:
    """Read YAML text strictly as ``cls`` (any type a field may have). Raises ``ConfigError`` with every problem."""
    session = Session(file, parse_yaml(text, file), directory, tables or {})
    return _finished(cls, session)


def decode_json(
    cls: type[T], text: str | bytes, file: str, *, directory: str = "", tables: Mapping[str, KeyTable] | None = None
) -> T:
    """Read JSON text likewise; keys of sections match in any case, and numbers are no text, as in Go."""
    session = Session(file, parse_json(text, file), directory, tables or {}, json=True)
    return _finished(cls, session)


def _finished(cls: type[T], session: Session) -> T:
    value = read_document(cls, session)
    session.finish()
    return cast("T", value)


def read_document(cls: Any, session: Session) -> Any:
    """Read the session's document; problems stay in the session. INVALID where no value came of it."""
    document: Document = session.document
    root = document.root if document.root is not None else Node("scalar", "", 1, 1, plain=True)
    try:
        return reader_of(cls)(session, root, None)
    except TooLargeError as error:
        return session.fail(root, None, str(error))


# --- readers by type -------------------------------------------------------------------------------------------------


@cache
def reader_of(annotation: Any) -> Reader:
    """The reader of a type. Raises ``TypeError`` for a type that a configuration dataclass may not use."""
    if annotation in SCALARS:
        return SCALARS[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return choice_reader(arguments)
    if origin in {Union, types.UnionType}:
        inner = [one for one in arguments if one is not type(None)]
        if len(inner) == 1:
            return reader_of(inner[0])
    if origin is tuple and len(arguments) == 2 and arguments[1] is ...:
        return _list_reader(arguments[0])
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping_reader(*arguments)
    if dataclasses.is_dataclass(annotation) and isinstance(annotation, type):
        return _section_reader(annotation)
    if hasattr(annotation, "parse"):
        return parsed_reader(annotation)
    raise TypeError(f"{annotation!r} is no type for a field of a configuration dataclass")


def no_list(node: Node, *, json: bool) -> str:
    """What to say where something else stands than a list; in YAML also how a list is written."""
    hint = "" if json else "; write [a, b], or each element after '- ' on a line of its own"
    return f"expected a list, got {node.sort}{hint}"


def _list_reader(element: Any) -> Reader:
    def read(session: Session, node: Node, path: Path) -> Any:
        if node.kind != "list":
            return () if node.is_null else session.fail(node, path, no_list(node, json=session.json))
        session.spend(len(node.value))
        values = []
        for index, one in enumerate(node.value):
            if one.is_null:
                session.fail(one, (path, index), "empty or null list element")
                continue
            value = read_element(session, one, (path, index))
            if value is not INVALID:
                values.append(value)
        return tuple(values)

    read_element = reader_of(element)
    return read


def _mapping_reader(key: Any, element: Any) -> Reader:
    read_key, read_value = reader_of(key), reader_of(element)
    textual = isinstance(element, type) and issubclass(element, str)

    def read(session: Session, node: Node, path: Path) -> Any:
        if node.kind != "mapping":
            return {} if node.is_null else session.fail(node, path, f"expected a mapping, got {node.sort}")
        pairs = session.entries(node, path)
        session.spend(len(pairs))
        values = {}
        for name, (name_node, one) in pairs.items():
            place = (path, name)
            found = read_key(session, name_node, place)
            if one.is_null:
                value = "" if textual else session.fail(one, place, "expected a value, got nothing")
            else:
                value = read_value(session, one, place)
            if found is not INVALID and value is not INVALID:
                values[found] = value
        return values

    return read


# --- sections --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    read: Reader
    required: bool
    default: Any
    make_default: Any
    of_null: Any
    later: str | None


@dataclass(frozen=True, slots=True)
class _Section:
    cls: Any
    fields: Mapping[str, _Field]
    inlined: tuple[tuple[str, _Section], ...]
    open_field: str | None
    table: str
    known: frozenset[str]


def field_key(one: dataclasses.Field[Any]) -> str:
    """The key of a field in the file."""
    return str(one.metadata.get("narthex.key", one.name))


def section_keys(cls: Any) -> frozenset[str]:
    """The keys that a configuration dataclass knows. Raises ``TypeError`` or ``NameError`` for a broken annotation."""
    return _section_of(cls).known


@cache
def _section_of(cls: Any) -> _Section:
    hints = get_type_hints(cls)
    fields: dict[str, _Field] = {}
    inlined: list[tuple[str, _Section]] = []
    open_field, table = None, ""
    for one in dataclasses.fields(cls):
        if one.metadata.get("narthex.inline"):
            inlined.append((one.name, _section_of(hints[one.name])))
        elif "narthex.open" in one.metadata:
            open_field, table = one.name, one.metadata["narthex.open"]
        elif one.init and not one.metadata.get("narthex.internal"):
            fields[field_key(one)] = _field_of(one, hints[one.name])
    known = frozenset(fields).union(*(section.known for _, section in inlined))
    return _Section(cls, fields, tuple(inlined), open_field, table, known)


def _field_of(one: dataclasses.Field[Any], annotation: Any) -> _Field:
    inner = [part for part in get_args(annotation) if part is not type(None)] or [annotation]
    make = None if one.default_factory is MISSING else one.default_factory
    return _Field(
        name=one.name,
        read=reader_of(annotation),
        required=one.default is MISSING and make is None,
        default=one.default,
        make_default=make,
        of_null=getattr(inner[0], "of_null", None),
        later=one.metadata.get("narthex.later"),
    )


def _section_reader(cls: Any) -> Reader:
    def read(session: Session, node: Node, path: Path) -> Any:
        if node.kind != "mapping" and not node.is_null:
            return session.fail(node, path, f"expected a mapping, got {node.sort}")
        section = _section_of(cls)
        pairs = dict(session.entries(node, path)) if node.kind == "mapping" else {}
        if session.json:
            pairs = {name.lower(): pair for name, pair in pairs.items()}
        session.spend(len(pairs))
        opened = _read_open(section, session, pairs, (node, path))
        return _build(section, session, pairs, (node, path), opened)

    return read


def _read_open(section: _Section, session: Session, pairs: Pairs, place: tuple[Node, Path]) -> Any:
    """Take the keys that no field has out of ``pairs``: the open ones are read, the others are problems."""
    path = place[1]
    table = session.tables.get(section.table) if section.open_field else None
    values: list[tuple[str, Any]] = []
    for name in [name for name in pairs if name not in section.known]:
        name_node, node = pairs.pop(name)
        try:
            annotation = table.type_of(name) if table else None
        except ValueError as error:
            session.fail(name_node, (path, name), str(error))
            continue
        if annotation is None:
            known = [*section.known, *(table.names() if table else ())]
            hint = suggestion(name, known) or _below(section, name)
            session.fail(name_node, (path, name), f"unknown key {name!r}{hint}")
            continue
        value = reader_of(annotation)(session, node, (path, name))
        if value is not INVALID:
            values.append((name, value))
    if table is None or not values:
        return MISSING
    try:
        return table.gather(values)
    except ValueError as error:
        session.fail(place[0], path, str(error))
        return MISSING


def _below(section: _Section, name: str) -> str:
    """Where the key belongs, for one that stands a level too high; else nothing."""
    hints = get_type_hints(section.cls)
    for key, one in section.fields.items():
        for inner in (hints[one.name], *get_args(hints[one.name])):
            if dataclasses.is_dataclass(inner) and name in section_keys(inner):
                return f"; it is a key of {key!r}"
    return next(filter(None, (_below(inner, name) for _, inner in section.inlined)), "")


def _build(section: _Section, session: Session, pairs: Pairs, place: tuple[Node, Path], opened: Any) -> Any:
    arguments: dict[str, Any] = {} if opened is MISSING else {str(section.open_field): opened}
    clean, complete = True, True
    for key, one in section.fields.items():
        value = _read_field(one, key, session, pairs.pop(key, None), place)
        if value is INVALID:
            clean = False
            complete = complete and not one.required
        elif value is not MISSING:
            arguments[one.name] = value
    for name, inner in section.inlined:
        value = _build(inner, session, pairs, place, MISSING)
        if value is INVALID:
            clean = False
        else:
            arguments[name] = value
    if not complete:
        return INVALID
    return _checked(section.cls(**arguments), session, place, clean=clean)


def _read_field(
    one: _Field, key: str, session: Session, pair: tuple[Node, Node] | None, place: tuple[Node, Path]
) -> Any:
    node, path = place
    if pair is None:
        return session.fail(node, (path, key), f"required key {key!r} is missing") if one.required else MISSING
    if pair[1].is_null:
        if one.of_null is not None:
            return one.of_null()
        return session.fail(pair[1], (path, key), "expected a value, got nothing") if one.required else MISSING
    value = one.read(session, pair[1], (path, key))
    if one.later is None or value is INVALID or not value:
        return value
    if value != (one.make_default() if one.make_default else one.default):
        return session.fail(pair[0], (path, key), f"not implemented yet: {one.later}")
    return value


def _checked(value: Any, session: Session, place: tuple[Node, Path], *, clean: bool) -> Any:
    """Run the checks across fields, which make sense only if each field is right by itself."""
    session.remember(value, *place)
    if not clean:
        return value
    try:
        findings = list(value.check()) if hasattr(value, "check") else []
        for key, message in findings:
            session.fail_at(value, key, message)
        if not findings and hasattr(value, "completed"):
            value = value.completed()
            session.remember(value, *place)
    except Exception as error:  # noqa: BLE001 -- a plugin's config may do anything; the other problems still count
        cls = type(value)
        session.fail(
            *place, f"the check of {cls.__module__}.{cls.__qualname__} failed: {type(error).__name__}: {error}"
        )
    return value
