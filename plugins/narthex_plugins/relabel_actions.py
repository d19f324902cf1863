"""Prometheus's relabel actions (reference §3.2).

Each ``compile`` looks at the rule once and returns the tightest closure for it: how many source labels there are,
whether the expression needs an engine at all, and whether the replacement needs groups is all decided beforehand.
Expressions that need RE2 remember their last results, because jobs, zones and roles repeat over thousands of targets.

Every closure keeps the invariant that no label is empty: an empty value and an absent label are the same.
``narthex_plugins/relabel_columns.py`` says what each rule does, for many targets at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import md5
from typing import Protocol

from narthex import hookimpl
from narthex.config.names import is_label_name
from narthex.kinds import ActionRule, CompiledAction, RelabelAction
from narthex.regex import Groups, Regex
from narthex.relabel.case import lower, upper
from narthex.relabel.expand import compile_template
from narthex_plugins.relabel_columns import COLUMNS

__all__ = ["ACTIONS", "narthex_relabel_actions"]

Labels = dict[str, str]
Source = Callable[[Labels], str]

_MEMORY = 1024
"""Results remembered for each rule that needs RE2: enough for what repeats, about 300 KB a rule at most."""

_ANYTHING = ("(.*)", "(.+)")
"""Expressions that match whatever there is, but for nothing, and capture the whole of it."""

# Letters and references to groups may begin a name, digits may not.
_LEGACY_TEMPLATE = re.compile(r"(?:[a-zA-Z_]|\$(?:\{\w+\}|\w+))(?:\w|\$(?:\{\w+\}|\w+))*", re.ASCII)


# --- parts of rules --------------------------------------------------------------------------------------------------


def _source(rule: ActionRule) -> Source:
    """How the values of the source labels are joined; an absent label counts as empty."""
    names, separator = tuple(rule.source_labels), rule.separator
    if not names:
        return lambda _: ""
    if len(names) == 1:
        only = names[0]
        return lambda labels: labels.get(only, "")
    if len(names) == 2:
        first, second = names
        return lambda labels: labels.get(first, "") + separator + labels.get(second, "")
    return lambda labels: separator.join([labels.get(name, "") for name in names])


def _regex(rule: ActionRule) -> Regex:
    return Regex("(.*)" if rule.regex is None else rule.regex)


def _matcher(regex: Regex) -> Callable[[str], bool]:
    return regex.fullmatch if regex.is_prefiltered else lru_cache(_MEMORY)(regex.fullmatch)


def _set(labels: Labels, name: str, value: str) -> None:
    """Set a label last in order, as labelmap reads them; an empty value deletes."""
    labels.pop(name, None)
    if value:
        labels[name] = value


# --- replace ---------------------------------------------------------------------------------------------------------


def _replace(rule: ActionRule) -> CompiledAction:
    regex, source = _regex(rule), _source(rule)
    target = compile_template(rule.target_label, regex.group_count, regex.names)
    value = compile_template(rule.replacement, regex.group_count, regex.names)
    if target.literal is None:
        return _replace_any(regex, source, target.expander(), value.expander())
    if not _is_name(target.literal):
        return lambda labels: labels
    if value.literal is not None:
        return _replace_constant(source, _matcher(regex), target.literal, value.literal)
    if regex.text in _ANYTHING and value.parts in {(0,), (1,)}:
        return _copy(source, target.literal, may_delete=regex.text == "(.*)")
    return _replace_one(regex, source, target.literal, value.expander())


def _copy(source: Source, name: str, *, may_delete: bool) -> CompiledAction:
    """The commonest rule: the value as it is, under another name."""

    def run(labels: Labels) -> Labels:
        value = source(labels)
        if value:
            labels.pop(name, None)
            labels[name] = value
        elif may_delete:
            labels.pop(name, None)
        return labels

    return run


def _replace_constant(source: Source, matches: Callable[[str], bool], name: str, value: str) -> CompiledAction:
    def run(labels: Labels) -> Labels:
        if matches(source(labels)):
            _set(labels, name, value)
        return labels

    return run


def _replace_one(regex: Regex, source: Source, name: str, expand: Callable[[Groups], str]) -> CompiledAction:
    groups = regex.groups

    def result(value: str) -> str | None:
        found = groups(value)
        return None if found is None else expand(found)

    if not regex.is_prefiltered:
        result = lru_cache(_MEMORY)(result)

    def run(labels: Labels) -> Labels:
        value = result(source(labels))
        if value is not None:
            labels.pop(name, None)
            if value:
                labels[name] = value
        return labels

    return run


def _replace_any(
    regex: Regex, source: Source, name_of: Callable[[Groups], str], value_of: Callable[[Groups], str]
) -> CompiledAction:
    groups = regex.groups if regex.is_prefiltered else lru_cache(_MEMORY)(regex.groups)

    def run(labels: Labels) -> Labels:
        found = groups(source(labels))
        if found is not None:
            name = name_of(found)
            if _is_name(name):
                _set(labels, name, value_of(found))
        return labels

    return run


def _is_name(name: str) -> bool:
    return bool(name) and (name.isascii() or is_label_name(name))


# --- filters ---------------------------------------------------------------------------------------------------------


def _keep(rule: ActionRule) -> CompiledAction:
    source, matches = _source(rule), _matcher(_regex(rule))
    return lambda labels: labels if matches(source(labels)) else None


def _drop(rule: ActionRule) -> CompiledAction:
    source, matches = _source(rule), _matcher(_regex(rule))
    return lambda labels: None if matches(source(labels)) else labels


def _keepequal(rule: ActionRule) -> CompiledAction:
    source, target = _source(rule), rule.target_label
    return lambda labels: labels if source(labels) == labels.get(target, "") else None


def _dropequal(rule: ActionRule) -> CompiledAction:
    source, target = _source(rule), rule.target_label
    return lambda labels: None if source(labels) == labels.get(target, "") else labels


# --- values ----------------------------------------------------------------------------------------------------------


def _hashmod(rule: ActionRule) -> CompiledAction:
    source, target, modulus = _source(rule), rule.target_label, rule.modulus

    def run(labels: Labels) -> Labels:
        digest = md5(source(labels).encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()
        _set(labels, target, str(int.from_bytes(digest[8:], "big") % modulus))
        return labels

    return run


def _case(change: Callable[[str], str]) -> Callable[[ActionRule], CompiledAction]:
    def compile_case(rule: ActionRule) -> CompiledAction:
        source, target = _source(rule), rule.target_label

        def run(labels: Labels) -> Labels:
            _set(labels, target, change(source(labels)))
            return labels

        return run

    return compile_case


# --- names -----------------------------------------------------------------------------------------------------------


def _labelmap(rule: ActionRule) -> CompiledAction:
    regex = _regex(rule)
    expand = compile_template(rule.replacement, regex.group_count, regex.names).expander()
    groups = regex.groups

    # Targets of a job have the same names, so what a list of names comes to is remembered, and a name by itself too.
    @lru_cache(_MEMORY)
    def mapped(name: str) -> str | None:
        found = groups(name)
        return None if found is None else expand(found)

    @lru_cache(_MEMORY // 8)
    def changes_of(names: tuple[str, ...]) -> list[tuple[str, str]]:
        return [(name, new) for name in names if (new := mapped(name))]  # no label has an empty name

    def run(labels: Labels) -> Labels:
        changes = [(new, labels[name]) for name, new in changes_of(tuple(labels))]
        for name, value in changes:
            labels.pop(name, None)
            labels[name] = value
        return labels

    return run


def _labeldrop(rule: ActionRule) -> CompiledAction:
    matches = lru_cache(_MEMORY)(_regex(rule).fullmatch)
    return lambda labels: {name: value for name, value in labels.items() if not matches(name)}


def _labelkeep(rule: ActionRule) -> CompiledAction:
    matches = lru_cache(_MEMORY)(_regex(rule).fullmatch)
    return lambda labels: {name: value for name, value in labels.items() if matches(name)}


# --- checks, worded as Prometheus words them -------------------------------------------------------------------------

Problems = Iterator[tuple[str, str]]


class _Check(Protocol):
    def __call__(self, rule: ActionRule, *, legacy: bool) -> Problems: ...


def _check_target(rule: ActionRule, *, legacy: bool, template: bool = False) -> Problems:
    target = rule.target_label
    if not target:
        yield "target_label", f"relabel configuration for {rule.action} action requires 'target_label' value"
        return
    if template and "$" in target:
        valid = _LEGACY_TEMPLATE.fullmatch(target) is not None if legacy else is_label_name(target)
    else:
        valid = is_label_name(target, legacy=legacy)
    if not valid:
        yield "target_label", f"\"{target}\" is invalid 'target_label' for {rule.action} action"


def _check_replace(rule: ActionRule, *, legacy: bool) -> Problems:
    yield from _check_target(rule, legacy=legacy, template=True)


def _check_hashmod(rule: ActionRule, *, legacy: bool) -> Problems:
    if rule.modulus == 0:
        yield "modulus", "relabel configuration for hashmod requires non-zero modulus"
    yield from _check_target(rule, legacy=legacy)


def _check_equal(rule: ActionRule, *, legacy: bool) -> Problems:
    yield from _check_target(rule, legacy=legacy)
    yield from _check_only(rule, "'source_labels' and 'target_label'", allowed=("source_labels", "target_label"))


def _check_case(rule: ActionRule, *, legacy: bool) -> Problems:
    yield from _check_target(rule, legacy=legacy)
    if rule.replacement != "$1":
        yield "replacement", f"'replacement' can not be set for {rule.action} action"


def _check_labelmap(rule: ActionRule, *, legacy: bool) -> Problems:
    replacement = rule.replacement
    valid = _LEGACY_TEMPLATE.fullmatch(replacement) is not None if legacy else is_label_name(replacement)
    if not valid:
        yield "replacement", f"\"{replacement}\" is invalid 'replacement' for {rule.action} action"


def _check_names(rule: ActionRule, *, legacy: bool) -> Problems:  # noqa: ARG001 -- one signature for all checks
    yield from _check_only(rule, "'regex'", allowed=("regex",))


_DEFAULTS: Mapping[str, object] = {
    "source_labels": (),
    "separator": ";",
    "regex": None,
    "modulus": 0,
    "target_label": "",
    "replacement": "$1",
}


def _check_only(rule: ActionRule, needed: str, allowed: Sequence[str]) -> Problems:
    for name, default in _DEFAULTS.items():
        if name not in allowed and getattr(rule, name) != default:
            yield name, f"{rule.action} action requires only {needed}, and no other fields"
            return


def _check_none(rule: ActionRule, *, legacy: bool) -> Problems:  # noqa: ARG001 -- one signature for all checks
    yield from ()


# --- the contribution ------------------------------------------------------------------------------------------------


def _action(
    name: str,
    compile_rule: Callable[[ActionRule], CompiledAction],
    check: _Check,
    summary: str,
) -> RelabelAction:
    return RelabelAction(
        name=name,
        compile=compile_rule,
        check=lambda rule, legacy: tuple(check(rule, legacy=legacy)),
        columns=COLUMNS[name],
        stability="stable",
        summary=summary,
    )


ACTIONS: tuple[RelabelAction, ...] = (
    _action(
        "replace", _replace, _check_replace, "Set a label to the expanded replacement where the expression matches."
    ),
    _action("keep", _keep, _check_none, "Drop what the expression does not match."),
    _action("drop", _drop, _check_none, "Drop what the expression matches."),
    _action("keepequal", _keepequal, _check_equal, "Drop unless the source labels equal the target label."),
    _action("dropequal", _dropequal, _check_equal, "Drop if the source labels equal the target label."),
    _action("hashmod", _hashmod, _check_hashmod, "Set a label to a hash of the source labels, modulo a number."),
    _action("labelmap", _labelmap, _check_labelmap, "Copy labels whose names match under the expanded replacement."),
    _action("labeldrop", _labeldrop, _check_names, "Remove the labels whose names match."),
    _action("labelkeep", _labelkeep, _check_names, "Remove the labels whose names do not match."),
    _action("lowercase", _case(lower), _check_case, "Set a label to the source labels in lower case."),
    _action("uppercase", _case(upper), _check_case, "Set a label to the source labels in upper case."),
)


@hookimpl
def narthex_relabel_actions() -> tuple[RelabelAction, ...]:
    """The actions that Prometheus has."""
    return ACTIONS
