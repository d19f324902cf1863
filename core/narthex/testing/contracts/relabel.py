"""The contract of a relabel action: a pure function of the labels, and rules that are refused before they run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import product
from typing import Any, ClassVar

from narthex.config.decode import decode_yaml
from narthex.config.relabel import RelabelConfig
from narthex.config.types import Count, LabelName, RegexText
from narthex.errors import ConfigError
from narthex.kinds import ActionRule, CompiledAction
from narthex.model.columnrule import ColumnRule
from narthex.plugins.failure import describe as error_text
from narthex.relabel.columns import Table, UnfitError
from narthex.testing.rig import Rig, optional
from narthex.testing.rule import Broken, Unchecked, rule

__all__ = ["RULES", "RelabelRig"]

LABELS: tuple[Mapping[str, str], ...] = (
    {},
    {"__address__": "10.0.0.1:9100", "__meta_rack": "r1", "job": "node"},
    {"a": "x-1;y", "b": "1", "c": "$1", "zone": "FR-a"},
    {"ünïcödé": "wert", "name with blanks": "\n", "dotted.name": "\x00", "a": "(", "b": "ß" * 300},
)
"""Label sets that every compiled rule is tried with, beside those of the rig."""


class RelabelRig(Rig):
    """A relabel action. Without more, its rules are tried out of common settings; the methods are optional."""

    stage: ClassVar[str] = "relabel"

    @optional
    def rules(self) -> Sequence[Mapping[str, Any]]:
        """Rules that are right, as in the file, without ``action``."""
        return ()

    @optional
    def bad_rules(self) -> Sequence[Mapping[str, Any]]:
        """Rules that ``check`` has to refuse."""
        return ()

    def labels(self) -> Sequence[Mapping[str, str]]:
        """More label sets to try the rules with."""
        return ()

    def read(self, given: Mapping[str, Any]) -> RelabelConfig:
        """A rule of this action from its keys. Raises ``Broken`` where they are no rule."""
        try:
            text = repr({**given, "action": self.kind})  # YAML reads Python's dicts of plain values
            return decode_yaml(RelabelConfig, text, "a rule of the rig")
        except ConfigError as error:
            raise Broken(f"the rule {dict(given)} cannot be read: {error}") from error

    def good(self) -> list[RelabelConfig]:
        """Rules that ``check`` finds nothing wrong with: the rig's, or else common ones. Raises ``Unchecked``."""
        if self.provides("rules"):
            return [self.read(one) for one in self.rules()]
        found = [one for one in _common(self.kind) if not self.findings(one)]
        if not found:
            raise Unchecked("no common rule suits this action, and the rig has no rules()")
        return found

    def findings(self, one: ActionRule, *, legacy: bool = False) -> list[tuple[str, str]]:
        """What ``check`` says. Raises ``Broken`` where it raises, or says something else than pairs of texts."""
        try:
            found = list(self.described().check(one, legacy))
        except Exception as error:
            raise Broken(
                f"check raised {error_text(error)} for {_text(one)}; it yields (key, what is wrong)"
            ) from error
        for pair in found:
            if not (isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(text, str) for text in pair)):
                raise Broken(f"check yielded {pair!r:.80}, expected (key, what is wrong)")
        return found

    def compiled(self, one: ActionRule) -> CompiledAction:
        """A rule as a function. Raises ``Broken`` where ``compile`` fails."""
        try:
            made: CompiledAction = self.described().compile(one)
        except Exception as error:
            raise Broken(f"compile raised {error_text(error)} for {_text(one)}, which check had let through") from error
        if not callable(made):
            raise Broken(f"compile returned {made!r:.80}, expected a function")
        return made

    def inputs(self) -> list[dict[str, str]]:
        """All label sets, each a dict of its own; sorted and without empty values, as they come in a server."""
        return [{name: one[name] for name in sorted(one) if one[name]} for one in (*LABELS, *self.labels())]


def _common(action: str) -> Iterator[RelabelConfig]:
    """Rules out of the settings that rules usually have."""
    from narthex.config.relabel import ActionName

    for sources, regex, target, replacement, modulus in product(
        ((), ("a",), ("__address__", "job")),
        (None, "(.*)", "(x)-(.+);.*"),
        ("", "a", "new"),
        ("$1", "fixed"),
        (0, 8),
    ):
        text = None if regex is None else RegexText(regex)
        yield RelabelConfig(
            tuple(map(LabelName, sources)), ";", text, Count(modulus), target, replacement, ActionName(action)
        )


@rule("relabel/agreement")
async def agreement(rig: RelabelRig) -> None:
    """What check lets through, compile compiles."""
    for one in rig.good():
        for legacy in (False, True):
            if rig.provides("rules") and not legacy and (found := rig.findings(one)):
                raise Broken(f"check refuses {_text(one)}, which the rig says is right: {found[0][1]}")
            if not rig.findings(one, legacy=legacy):
                rig.compiled(one)


@rule("relabel/bad-rules", needs=("bad_rules",))
async def bad_rules(rig: RelabelRig) -> None:
    """A wrong rule is refused by check, under a key that a rule has, not by compile or when it runs."""
    keys = {one.name for one in fields(RelabelConfig)} | {""}
    for given in rig.bad_rules():
        one = rig.read(given)
        found = rig.findings(one)
        if not found:
            raise Broken(f"check finds nothing wrong with {_text(one)}")
        if found[0][0] not in keys:
            raise Broken(f"check reports {_text(one)} under {found[0][0]!r}, which is no key of a rule")


@rule("relabel/total")
async def total(rig: RelabelRig) -> None:
    """A compiled rule answers any labels with a dict of texts or None, and never raises."""
    for one in rig.good():
        run = rig.compiled(one)
        for labels in rig.inputs():
            _result(run, dict(labels), one)


def _result(run: CompiledAction, labels: dict[str, str], one: ActionRule) -> dict[str, str] | None:
    before = dict(labels)
    try:
        found = run(labels)
    except Exception as error:
        raise Broken(f"{_text(one)} raised {error_text(error)} for {before!r:.120}") from error
    if found is None:
        return None
    if not isinstance(found, dict) or not all(type(text) is str for pair in found.items() for text in pair):
        raise Broken(f"{_text(one)} returned {found!r:.120} for {before!r:.120}, expected a dict of texts or None")
    return found


@rule("relabel/no-empty-labels")
async def no_empty_labels(rig: RelabelRig) -> None:
    """No result holds an empty value or an empty name: an empty label is an absent one."""
    for one in rig.good():
        run = rig.compiled(one)
        for labels in rig.inputs():
            found = _result(run, dict(labels), one) or {}
            if "" in found or "" in found.values():
                raise Broken(f"{_text(one)} made the empty label {found!r:.120} of {labels!r:.120}")


@rule("relabel/deterministic")
async def deterministic(rig: RelabelRig) -> None:
    """The same labels give the same result, again and again, and by another function of the same rule."""
    for one in rig.good():
        first, second = rig.compiled(one), rig.compiled(one)
        for labels in rig.inputs():
            results = [_result(run, dict(labels), one) for run in (first, first, second)]
            if results[1:] != results[:-1]:
                raise Broken(f"{_text(one)} made {results!r:.200} of the same labels {labels!r:.120}")


@rule("relabel/independent")
async def independent(rig: RelabelRig) -> None:
    """A call changes nothing but the labels it was given: no earlier result, no rule."""
    for one in rig.good():
        run, before = rig.compiled(one), _text(one)
        given = rig.inputs()
        results = [_result(run, labels, one) for labels in given]
        kept = [None if found is None else dict(found) for found in results]
        for labels in rig.inputs():
            _result(run, labels, one)
        if [None if found is None else dict(found) for found in results] != kept:
            raise Broken(f"{_text(one)} changed labels that it had returned before")
        for place, found in enumerate(results):
            if found is not None and any(found is other for other in results[:place]):
                raise Broken(f"{_text(one)} returned the same dict twice")
        if _text(one) != before:
            raise Broken(f"the rule itself was changed: {before} became {_text(one)}")


@rule("relabel/columns")
async def columns(rig: RelabelRig) -> None:
    """Where the action says what it does to columns, that is what the function does to each label set."""
    describe = rig.described().columns
    if describe is None:
        raise Unchecked("the action has no columns")
    for one in rig.good():
        run, described = rig.compiled(one), describe(one)
        if described is None:
            continue
        if not isinstance(described, ColumnRule):
            raise Broken(f"columns returned {described!r:.80} for {_text(one)}, expected a rule of columns or None")
        for labels in filter(None, rig.inputs()):
            given = [labels, {name: f"{value}x" for name, value in labels.items()}]
            wanted = [_result(run, dict(row), one) for row in given]
            found = _by_columns(described, given)
            if found is not None and found != wanted:
                raise Broken(f"{_text(one)} makes {wanted!r:.160} of {given!r:.160}, and by columns {found!r:.160}")


def _by_columns(described: ColumnRule, given: Sequence[Mapping[str, str]]) -> list[dict[str, str] | None] | None:
    """What the rule makes of the rows at once; None where they have to be done one by one."""
    table = Table({}, {}, given)
    try:
        table.run([described])
    except UnfitError:
        return None
    found: list[dict[str, str] | None] = [None] * len(given)
    read = {name: table.read(name) for name in table.names}
    for place, row in enumerate(table.rows):
        values = {name: column if isinstance(column, str) else column[place] for name, column in read.items()}
        found[row] = {name: value for name, value in values.items() if value}
    return found


def _text(one: Any) -> str:
    """A rule as one line: what differs from the defaults."""
    default = RelabelConfig()
    pairs = ((key.name, getattr(one, key.name)) for key in fields(RelabelConfig))
    return "rule {" + ", ".join(f"{key}: {value!r}" for key, value in pairs if value != getattr(default, key)) + "}"


RULES = (agreement, bad_rules, total, no_empty_labels, deterministic, independent, columns)
