"""Rule files as frozen values. How they are read and checked is the matter of :mod:`narthex.config.rules`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from narthex.config.types import Count, Duration, LabelName, internal, key

__all__ = ["RuleConfig", "RuleFile", "RuleGroupConfig"]

Findings = Iterator[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class RuleConfig:
    """A recording rule (``record``) or an alerting rule (``alert``). Times are milliseconds.

    ``line`` and ``expr_line`` count from 1 and take no part in comparisons, so a rule that moves keeps its state.
    """

    record: str = ""
    alert: str = ""
    expr: str = ""
    for_: Duration = field(default=Duration(0), metadata=key("for"))
    keep_firing_for: Duration = Duration(0)
    labels: Mapping[LabelName, str] = field(default_factory=dict)
    annotations: Mapping[LabelName, str] = field(default_factory=dict)
    line: int = field(default=0, compare=False, metadata=internal())
    expr_line: int = field(default=0, compare=False, metadata=internal())

    @property
    def name(self) -> str:
        """The name of the alert or of the recorded metric."""
        return self.alert or self.record

    def check(self) -> Findings:
        """Exactly one of record and alert, an expression, and only fields of that sort of rule."""
        if self.record and self.alert:
            yield "alert", "only one of 'record' and 'alert' must be set"
        if not self.record and not self.alert:
            yield "", "one of 'record' or 'alert' must be set"
        if not self.expr:
            yield "expr", "field 'expr' must be set in rule"
        if "__name__" in self.labels:
            yield (
                "labels",
                "label name '__name__' is not allowed: the name of the metric comes from 'record' or is ALERTS",
            )
        if self.record:
            yield from self._check_record()

    def _check_record(self) -> Findings:
        if self.annotations:
            yield "annotations", "invalid field 'annotations' in recording rule"
        if self.for_:
            yield "for", "invalid field 'for' in recording rule"
        if self.keep_firing_for:
            yield "keep_firing_for", "invalid field 'keep_firing_for' in recording rule"
        if "{" in self.record or "}" in self.record:
            message = f"braces present in the recording rule name; should it be in expr?: {self.record}"
            yield "record", message


@dataclass(frozen=True, slots=True)
class RuleGroupConfig:
    """Rules that are evaluated together, in file order. None for a time means the global setting."""

    name: str = ""
    interval: Duration | None = None
    query_offset: Duration | None = None
    limit: Count = Count(0)
    labels: Mapping[LabelName, str] = field(default_factory=dict)
    rules: tuple[RuleConfig, ...] = ()
    line: int = field(default=0, compare=False, metadata=internal())

    def check(self) -> Findings:
        """A group has a name; its labels are labels."""
        if not self.name:
            yield "name", "groupname must not be empty"
        if "__name__" in self.labels:
            yield "labels", "label name '__name__' is not allowed"


@dataclass(frozen=True, slots=True)
class RuleFile:
    """One rule file. ``path`` and ``warnings`` take no part in comparisons."""

    groups: tuple[RuleGroupConfig, ...] = ()
    path: str = field(default="", compare=False, metadata=internal())
    warnings: tuple[str, ...] = field(default=(), compare=False, metadata=internal())
