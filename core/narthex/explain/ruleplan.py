"""What differs between two sets of rules. Expressions are compared by meaning: as the printer writes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from narthex.config.rulefile import RuleFile
from narthex.config.types import Duration
from narthex.errors import ParseError
from narthex.model.labels import EMPTY, Labels
from narthex.promql.parser import parse
from narthex.promql.printer import to_text
from narthex.rules.definition import definitions
from narthex.rules.options import RuleOptions

__all__ = ["GroupSpec", "RuleChange", "RuleSpec", "group_specs", "group_specs_of_api", "rule_changes"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """A rule as both a file and the API tell it. Times are ms."""

    kind: Literal["record", "alert"]
    name: str
    expr: str
    labels: Labels = EMPTY
    annotations: Labels = EMPTY
    hold: int = 0
    keep_firing_for: int = 0

    def facts(self) -> Iterator[tuple[str, str]]:
        """Key and text of everything that can change."""
        yield "expr", self.expr
        yield "labels", str(self.labels)
        if self.kind == "alert":
            yield "annotations", str(self.annotations)
            yield "for", str(Duration(self.hold))
            yield "keep_firing_for", str(Duration(self.keep_firing_for))


@dataclass(frozen=True, slots=True)
class GroupSpec:
    """A rule group; the file is left out, since the same rules may lie elsewhere."""

    name: str
    interval: int
    limit: int
    rules: tuple[RuleSpec, ...]


@dataclass(frozen=True, slots=True)
class RuleChange:
    """A rule, or a group's own settings where ``rule`` is empty, that came, went or changed; ``lines`` is a diff."""

    state: Literal["added", "removed", "changed"]
    group: str
    rule: str
    lines: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {"state": self.state, "group": self.group, "rule": self.rule, "diff": list(self.lines)}


def group_specs(files: Mapping[str, RuleFile], options: RuleOptions) -> tuple[GroupSpec, ...]:
    """The groups of rule files."""
    return tuple(
        GroupSpec(
            group.name,
            group.interval,
            int(group.limit),
            tuple(
                RuleSpec(
                    "alert" if rule.alert else "record",
                    rule.name,
                    _normal(rule.expr),
                    _labels(rule.labels),
                    _labels(rule.annotations),
                    int(rule.for_),
                    int(rule.keep_firing_for),
                )
                for rule in group.rules
            ),
        )
        for group in definitions(files, options)
    )


def group_specs_of_api(groups: Iterable[Mapping[str, Any]]) -> tuple[GroupSpec, ...]:
    """The groups of an answer of ``/api/v1/rules``."""
    return tuple(
        GroupSpec(
            group["name"],
            round(group["interval"] * 1000),
            int(group.get("limit", 0)),
            tuple(
                RuleSpec(
                    "alert" if rule["type"] == "alerting" else "record",
                    rule["name"],
                    _normal(rule["query"]),
                    Labels(rule.get("labels") or {}),
                    Labels(rule.get("annotations") or {}),
                    round(rule.get("duration", 0) * 1000),
                    round(rule.get("keepFiringFor", 0) * 1000),
                )
                for rule in group["rules"]
            ),
        )
        for group in groups
    )


def rule_changes(before: Sequence[GroupSpec], after: Sequence[GroupSpec]) -> tuple[RuleChange, ...]:
    """Changes group by group; the nth group, or rule, of a name is compared with the nth of that name."""
    old, new = _numbered(before, lambda one: (one.name,)), _numbered(after, lambda one: (one.name,))
    changes: list[RuleChange] = []
    for key in [*old, *(key for key in new if key not in old)]:
        changes += _group_changes(key[0][0], old.get(key), new.get(key))
    return tuple(changes)


def _group_changes(name: str, before: GroupSpec | None, after: GroupSpec | None) -> Iterator[RuleChange]:
    if before is not None and after is not None:
        lines = _diff(_group_facts(before), _group_facts(after))
        if lines:
            yield RuleChange("changed", name, "", lines)
    old = _numbered(before.rules if before else (), lambda one: (one.kind, one.name))
    new = _numbered(after.rules if after else (), lambda one: (one.kind, one.name))
    for key in [*old, *(key for key in new if key not in old)]:
        one, other = old.get(key), new.get(key)
        title = " ".join(key[0])
        if one is None or other is None:
            rule = one or other
            assert rule is not None  # the key came from one of them
            sign, state = ("+", "added") if one is None else ("-", "removed")
            yield RuleChange(state, name, title, (f"{sign} expr: {rule.expr}",))  # type: ignore[arg-type] # of the two
        elif lines := _diff(one.facts(), other.facts()):
            yield RuleChange("changed", name, title, lines)


def _group_facts(group: GroupSpec) -> Iterator[tuple[str, str]]:
    yield "interval", str(Duration(group.interval))
    yield "limit", str(group.limit)


def _diff(before: Iterable[tuple[str, str]], after: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    new = dict(after)
    return tuple(
        line for key, value in before if new[key] != value for line in (f"- {key}: {value}", f"+ {key}: {new[key]}")
    )


def _numbered(items: Iterable[T], name: Callable[[T], tuple[str, ...]]) -> dict[tuple[tuple[str, ...], int], T]:
    """The items under their names; those of one name are told apart by their order."""
    seen: Counter[tuple[str, ...]] = Counter()
    found = {}
    for one in items:
        key = name(one)
        found[key, seen[key]] = one
        seen[key] += 1
    return found


def _labels(labels: Mapping[Any, str]) -> Labels:
    return Labels({str(name): value for name, value in labels.items()})


def _normal(expr: str) -> str:
    """The expression as the printer writes it; as it is where it does not parse."""
    try:
        return to_text(parse(expr))
    except ParseError:
        return expr.strip()
