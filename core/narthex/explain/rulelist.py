"""Relabel rules that no server has in force: from a file, from a parameter, or of ``remote_write`` sections.

Narthex does not write to remote storages, and refuses a configuration that asks for it. What the rules of such a
section would make of a series can be asked all the same, say by whoever moves a configuration here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from narthex.config.decode import reader_of
from narthex.config.document import Node, parse_yaml
from narthex.config.external import expand_labels
from narthex.config.jobs import JobReader
from narthex.config.relabel import RelabelConfig
from narthex.config.sections import GlobalConfig
from narthex.config.session import INVALID, Path, Session
from narthex.errors import ConfigError, Problem
from narthex.plugins.catalog import Catalog

__all__ = ["Remote", "parse_rules", "read_remotes"]

_KEYS = ("relabel_configs", "metric_relabel_configs", "alert_relabel_configs", "write_relabel_configs")


@dataclass(frozen=True, slots=True)
class Remote:
    """One ``remote_write`` section: what it may be called by, and its ``write_relabel_configs``.

    ``external_labels`` are those of the file, which a series has before the rules see it.
    """

    names: tuple[str, ...]
    rules: tuple[RelabelConfig, ...]
    external_labels: Mapping[str, str]


def parse_rules(text: str | bytes, name: str, catalog: Catalog) -> tuple[RelabelConfig, ...]:
    """A YAML or JSON list of rules; it may stand under one key such as ``write_relabel_configs``.

    ``name`` is what errors call the text. Raises ``ConfigError`` with every problem.
    """
    session = Session(name, parse_yaml(text, name))
    root = session.document.root or Node("list", [])
    path: Path = None
    if root.kind == "mapping":
        pairs = session.entries(root, None)
        key = next((key for key in _KEYS if key in pairs), "")
        if len(pairs) != 1 or not key:
            session.fail(root, None, f"expected a list of rules, or one of {', '.join(_KEYS)}")
            session.finish()
        root, path = pairs[key][1], (None, key)
    rules = _rules(session, root, path, catalog)
    session.finish()
    return rules


def read_remotes(text: str | bytes, file: str, catalog: Catalog, env: Mapping[str, str]) -> tuple[Remote, ...]:
    """The ``remote_write`` sections of a configuration file; nothing else of it is judged.

    Raises ``ConfigError`` where these, their rules or the external labels cannot be read.
    """
    session = Session(file, parse_yaml(text, file))
    root = session.document.root
    pairs = session.entries(root, None) if root is not None and root.kind == "mapping" else {}
    labels = dict(_external(session, pairs, env))
    section = pairs.get("remote_write", (None, Node("list", [])))[1]
    if section.kind != "list":
        raise ConfigError((Problem(file, section.line, section.column, "remote_write", "expected a list"),))
    remotes = []
    for index, node in enumerate(section.value):
        path: Path = ((None, "remote_write"), index)
        if node.kind != "mapping":
            session.fail(node, path, f"expected a mapping, got {node.sort}")
            continue
        inner = session.entries(node, path)
        names = [inner[key][1].value for key in ("name", "url") if key in inner and inner[key][1].kind == "scalar"]
        place = (path, "write_relabel_configs")
        rules = _rules(session, inner.get("write_relabel_configs", (None, Node("list", [])))[1], place, catalog)
        remotes.append(Remote((*names, str(index)), rules, labels))
    session.finish()
    return tuple(remotes)


def _rules(session: Session, node: Node, path: Path, catalog: Catalog) -> tuple[RelabelConfig, ...]:
    found = reader_of(tuple[RelabelConfig, ...])(session, node, path)
    if found is INVALID:
        return ()
    rules: tuple[RelabelConfig, ...] = found
    JobReader(catalog, GlobalConfig(), []).relabeling(session, rules, legacy=False)
    return rules


def _external(
    session: Session, pairs: Mapping[str, tuple[Node, Node]], env: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    if "global" in pairs:
        section = reader_of(GlobalConfig)(session, pairs["global"][1], (None, "global"))
        if section is not INVALID:
            labels, _ = expand_labels(section.external_labels, env)
            yield from ((str(name), value) for name, value in labels.items() if value)
