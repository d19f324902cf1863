"""What Prometheus's relabel actions do, said for many label sets at once (:mod:`narthex.model.columnrule`).

The functions of one label set stand in ``narthex_plugins/relabel_actions.py``; a property test holds the two to each
other. Nothing is remembered here: whoever runs a rule over columns asks once for each distinct value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from hashlib import md5

from narthex.config.names import is_label_name
from narthex.kinds import ActionRule
from narthex.model.columnrule import ColumnRule, Compare, Copy, Filter, Map, Select, Write
from narthex.regex import Regex
from narthex.relabel.expand import compile_template

__all__ = ["COLUMNS"]


def _regex(rule: ActionRule) -> Regex:
    return Regex("(.*)" if rule.regex is None else rule.regex)


def _replace(rule: ActionRule) -> ColumnRule | None:
    regex = _regex(rule)
    target = compile_template(rule.target_label, regex.group_count, regex.names).literal
    if target is None:
        return None  # the label that is set differs from row to row
    sources, separator = tuple(rule.source_labels), rule.separator
    if not (target and (target.isascii() or is_label_name(target))):
        return Write(sources, separator, target, lambda _: None)
    value = compile_template(rule.replacement, regex.group_count, regex.names)
    if value.literal is not None:
        text, matches = value.literal, regex.fullmatch
        return Write(sources, separator, target, lambda joined: text if matches(joined) else None)
    if regex.text in ("(.*)", "(.+)") and value.parts in {(0,), (1,)}:
        return Copy(sources, separator, target, removes=regex.text == "(.*)")
    groups, expand = regex.groups, value.expander()

    def result(joined: str) -> str | None:
        found = groups(joined)
        return None if found is None else expand(found)

    return Write(sources, separator, target, result)


def _filter(rule: ActionRule, *, keep: bool) -> ColumnRule:
    matches = _regex(rule).fullmatch
    keeps: Callable[[str], bool] = matches if keep else lambda joined: not matches(joined)
    return Filter(tuple(rule.source_labels), rule.separator, keeps)


def _compare(rule: ActionRule, *, equal: bool) -> ColumnRule:
    return Compare(tuple(rule.source_labels), rule.separator, rule.target_label, equal)


def _hashmod(rule: ActionRule) -> ColumnRule:
    modulus = rule.modulus

    def result(joined: str) -> str:
        digest = md5(joined.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()
        return str(int.from_bytes(digest[8:], "big") % modulus)

    return Write(tuple(rule.source_labels), rule.separator, rule.target_label, result)


def _labelmap(rule: ActionRule) -> ColumnRule:
    regex = _regex(rule)
    expand, groups = compile_template(rule.replacement, regex.group_count, regex.names).expander(), regex.groups

    def name_of(name: str) -> str | None:
        found = groups(name)
        return None if found is None else expand(found)

    return Map(name_of)


def _select(rule: ActionRule, *, keep: bool) -> ColumnRule:
    matches = _regex(rule).fullmatch
    return Select(matches if keep else lambda name: not matches(name))


def _unsaid(_rule: ActionRule) -> None:
    """Case mapping is Go's, rune by rune, and rare."""


COLUMNS: Mapping[str, Callable[[ActionRule], ColumnRule | None]] = {
    "replace": _replace,
    "keep": partial(_filter, keep=True),
    "drop": partial(_filter, keep=False),
    "keepequal": partial(_compare, equal=True),
    "dropequal": partial(_compare, equal=False),
    "hashmod": _hashmod,
    "labelmap": _labelmap,
    "labeldrop": partial(_select, keep=False),
    "labelkeep": partial(_select, keep=True),
    "lowercase": _unsaid,
    "uppercase": _unsaid,
}
"""By action. None where a rule can only be done to one label set at a time."""
