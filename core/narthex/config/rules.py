"""Read rule files: strict, every problem of a file at once, every rule knowing its line.

What an expression or a template means is decided in layers above this one, so their checks are passed in. They take the
text and return what is wrong with it, or None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from narthex.config.decode import read_document
from narthex.config.document import parse_yaml
from narthex.config.load import read_file
from narthex.config.names import is_label_name, is_metric_name
from narthex.config.rulefile import RuleConfig, RuleFile, RuleGroupConfig
from narthex.config.session import INVALID, Session

__all__ = ["TextCheck", "load_rule_file", "parse_rule_file"]

TextCheck = Callable[[str], "str | None"]


def _accept(_: str) -> str | None:
    return None


def load_rule_file(
    path: str | Path, *, check_expr: TextCheck = _accept, check_template: TextCheck = _accept, legacy: bool = False
) -> RuleFile:
    """Read and check a rule file. Raises ``ConfigError`` with every problem.

    ``check_expr`` gets each expression, ``check_template`` each label and annotation value of alerting rules;
    ``legacy`` restricts label and metric names to the older alphabet.
    """
    return parse_rule_file(
        read_file(path), str(path), check_expr=check_expr, check_template=check_template, legacy=legacy
    )


def parse_rule_file(
    text: str | bytes,
    file: str,
    *,
    check_expr: TextCheck = _accept,
    check_template: TextCheck = _accept,
    legacy: bool = False,
) -> RuleFile:
    """Likewise for a text; ``file`` stands in messages and in the result."""
    session = Session(file, parse_yaml(text, file))
    content = read_document(RuleFile, session)
    if content is INVALID:
        session.finish()
    checks = _Checks(session, check_expr, check_template, legacy=legacy)
    groups = tuple(checks.group(group) for group in content.groups)
    _check_group_names(session, content)
    session.finish()
    warnings = (f"{file}: holds several YAML documents; only the first is used",) if session.document.more else ()
    return RuleFile(groups, path=file, warnings=warnings)


def _check_group_names(session: Session, content: RuleFile) -> None:
    seen: set[str] = set()
    for group in content.groups:
        if group.name and group.name in seen:
            session.fail_at(group, "name", f'groupname: "{group.name}" is repeated in the same file')
        seen.add(group.name)


@dataclass(frozen=True, slots=True)
class _Checks:
    """What a rule cannot check by itself, and the lines, which only the session knows."""

    session: Session
    check_expr: TextCheck
    check_template: TextCheck
    legacy: bool

    def group(self, group: RuleGroupConfig) -> RuleGroupConfig:
        """Check a group and its rules; returns it with lines."""
        for name in self._bad_names(group.labels):
            self.session.fail_at(group, "labels", f"invalid label name: {name}")
        return replace(
            group, line=self.session.line_of(group), rules=tuple(self.rule(group, rule) for rule in group.rules)
        )

    def rule(self, group: RuleGroupConfig, rule: RuleConfig) -> RuleConfig:
        """Check one rule; returns it with lines."""
        for key, message in self._findings(group, rule):
            self.session.fail_at(rule, key, message)
        return replace(rule, line=self.session.line_of(rule), expr_line=self.session.line_of(rule, "expr"))

    def _findings(self, group: RuleGroupConfig, rule: RuleConfig) -> Iterator[tuple[str, str]]:
        if rule.expr and (message := self.check_expr(rule.expr)):
            yield "expr", f"could not parse expression: {message}"
        braces = "{" in rule.record or "}" in rule.record  # the rule itself has said so
        if rule.record and not braces and not is_metric_name(rule.record, legacy=self.legacy):
            yield "record", f"invalid recording rule name: {rule.record}"
        for key in ("labels", "annotations"):
            values: Mapping[str, str] = getattr(rule, key)
            for name in self._bad_names(values):
                yield key, f"invalid {key[:-1]} name: {name}"
            if rule.alert:
                for name, text in values.items():
                    if message := self.check_template(text):
                        yield key, f"{key[:-1]} {name!r}: {message}"
        if rule.alert:
            for name, text in group.labels.items():
                if message := self.check_template(text):
                    yield "", f"label {name!r} of the group: {message}"

    def _bad_names(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if not is_label_name(name, legacy=self.legacy)]
