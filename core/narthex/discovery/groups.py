"""Target groups as files, HTTP answers and programs hold them: a list of ``{targets, labels}``, read strictly.

Strictly as in the configuration: unknown keys, null groups and values that are no text make the whole list wrong. A
JSON list that is flawless at first sight, as nearly all are, is taken as it is; the careful reader, which knows key
paths and costs ten times as much, gives its verdict on the others.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from narthex.config.decode import decode_json, decode_yaml, no_list, read_document
from narthex.config.document import Document, parse_json, parse_yaml
from narthex.config.names import is_label_name
from narthex.config.session import Session
from narthex.config.types import LabelName
from narthex.errors import ConfigError, DiscoveryError, Problem
from narthex.model.targetgroup import TargetGroup

__all__ = ["WireGroup", "parse_json_groups", "parse_yaml_groups", "plain", "sourced", "sourced_from_json"]


@dataclass(frozen=True, slots=True)
class WireGroup:
    """One entry of the list: addresses, and labels that they share."""

    targets: tuple[str, ...] = ()
    labels: Mapping[LabelName, str] = field(default_factory=dict)


def parse_json_groups(text: str | bytes, name: str, skipped: list[str] | None = None) -> tuple[WireGroup, ...]:
    """The entries of a JSON list; null is an empty one. ``name`` is what errors call the text.

    With ``skipped`` an entry that is wrong becomes one without targets, and what is wrong with it is added there.
    Raises ``ConfigError`` that names the wrong entries, at most 500, and always for what is no list.
    """
    flawless = _flawless(text)
    if flawless is not None:
        return flawless
    if skipped is None:
        return decode_json(tuple[WireGroup, ...], text, name)
    return tuple(_good(parse_json(text, name), name, skipped, json=True))


def parse_yaml_groups(text: str | bytes, name: str, skipped: list[str] | None = None) -> tuple[WireGroup, ...]:
    """The entries of a YAML list likewise."""
    if skipped is None:
        return decode_yaml(tuple[WireGroup, ...], text, name)
    return tuple(_good(parse_yaml(text, name), name, skipped, json=False))


def _good(document: Document, name: str, skipped: list[str], *, json: bool) -> Iterator[WireGroup]:
    """Each entry by itself."""
    root = document.root
    if root is None or root.is_null:
        return
    if root.kind != "list":
        raise ConfigError((Problem(name, root.line, root.column, "", no_list(root, json=json)),))
    for index, node in enumerate(root.value):
        session = Session(name, Document(node, document.size), json=json)
        group = read_document(WireGroup, session)
        if node.is_null:
            session.fail(node, None, "empty or null list element")
        if session.problems:
            first = session.sorted_problems()[0]
            skipped.append(f"entry {index} of {first}")
        yield WireGroup() if session.problems else group


def sourced(origin: str, groups: Iterable[WireGroup], meta: Mapping[str, str]) -> Iterator[TargetGroup]:
    """The groups under the sources ``origin:0``, ``origin:1`` and so on. ``meta`` wins over labels of the same name."""
    for index, group in enumerate(groups):
        targets = tuple({"__address__": target} for target in group.targets)
        labels: dict[str, str] = dict(group.labels.items())
        labels.update(meta)
        yield TargetGroup(f"{origin}:{index}", targets, labels)


def sourced_from_json(
    text: bytes, origin: str, meta: Mapping[str, str], skipped: list[str] | None = None
) -> tuple[TargetGroup, ...]:
    """The groups of a JSON list, as above. Raises ``DiscoveryError``, one line with the first thing that is wrong."""
    try:
        return tuple(sourced(origin, parse_json_groups(text, origin, skipped), meta))
    except ConfigError as error:
        first, *more = error.problems
        rest = f" (and {len(more)} more)" if more else ""
        raise DiscoveryError(f"{first}{rest}") from None


def plain(group: TargetGroup) -> Mapping[str, object]:
    """A group as files hold it, for printing: addresses, and labels if there are any."""
    addresses = [target["__address__"] for target in group.targets]
    return (
        {"targets": addresses, "labels": dict(sorted(group.labels.items()))} if group.labels else {"targets": addresses}
    )


# --- what is right at first sight ------------------------------------------------------------------------------------


class _DoubtfulError(Exception):
    """Something that the careful reader has to judge."""


def _flawless(text: str | bytes) -> tuple[WireGroup, ...] | None:
    """The entries, if there is nothing unusual about any: exactly these keys, once each, all text."""
    try:
        source = text if isinstance(text, str) else text.decode("utf-8")
        entries = json.loads(source, object_pairs_hook=partial(_once, {}))
        names: set[str] = set()
        return tuple(_group(entry, names) for entry in entries) if type(entries) is list else None
    except (ValueError, RecursionError, _DoubtfulError):
        return None


def _once(known: dict[str, str], pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; ``known`` are the texts met so far, of which equal ones become one.

    Done here and not only when the groups are published, because memory that was needed in between is not given back.
    """
    found = {name: known.setdefault(value, value) if type(value) is str else value for name, value in pairs}
    if len(found) != len(pairs):
        raise _DoubtfulError
    return found


def _group(entry: object, names: set[str]) -> WireGroup:
    """The entry; ``names`` are label names already found valid, which most entries repeat."""
    if type(entry) is not dict or not entry.keys() <= {"targets", "labels"}:
        raise _DoubtfulError
    targets, labels = entry.get("targets", []), entry.get("labels", {})
    if type(targets) is not list or type(labels) is not dict:
        raise _DoubtfulError
    if not all(type(one) is str for one in (*targets, *labels.values())):
        raise _DoubtfulError
    if not labels.keys() <= names:
        if not all(map(is_label_name, labels)):
            raise _DoubtfulError
        names.update(labels)
    return WireGroup(tuple(targets), labels)
