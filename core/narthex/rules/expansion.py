"""Expand the labels and annotations of alerts.

A template that fails costs its own text and nothing else: the label or annotation says what went wrong, and the alert
goes out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from narthex.errors import TemplateError
from narthex.gotemplate import Exported, StringMap, Template
from narthex.gotemplate.calls import Functions
from narthex.gotemplate.functions import for_parsing, prometheus_functions
from narthex.gotemplate.samples import PrintedHistogram, TemplateSample
from narthex.model.labels import Labels
from narthex.rules.expression import Query
from narthex.rules.recording import template_values, vector_of

__all__ = ["AlertData", "TextSet", "check_template", "is_template", "labels_of", "template_functions"]

_VARIABLES = (
    "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}"
)
_NAMES_ONLY = for_parsing()
_NONE: Functions = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class AlertData(Exported):
    """The dot of an alert's templates. ``labels`` are those of the element, with its metric name."""

    labels: StringMap
    external_labels: StringMap
    external_url: str
    value: float | PrintedHistogram

    go_type: ClassVar[str] = (
        "struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; Value interface {} }"
    )
    go_names: ClassVar[Mapping[str, str]] = {
        "Labels": "labels",
        "ExternalLabels": "external_labels",
        "ExternalURL": "external_url",
        "Value": "value",
    }
    go_any: ClassVar[frozenset[str]] = frozenset({"Value"})


def is_template(text: str) -> bool:
    """Whether the text has anything to expand."""
    return "{{" in text


def _parsed(text: str, alert: str, functions: Functions) -> Template:
    return Template(_VARIABLES + text, f"__alert_{alert}", {**functions, **_NAMES_ONLY}, missing_key="zero")


def check_template(text: str, alert: str = "", functions: Functions = _NONE) -> str | None:
    """What is wrong with a label or annotation of an alert, or None. The variables of alert templates are known.

    ``functions`` are those of plugins.
    """
    try:
        _parsed(text, alert, functions)
    except TemplateError as error:
        return f"error parsing template __alert_{alert}: {error}"
    return None


def template_functions(query: Query, time: int, external_url: str) -> Functions:
    """Prometheus's functions at the evaluation's time (ms); ``query`` goes to the same engine as the rule."""

    def samples(expression: str) -> list[TemplateSample]:
        vector = vector_of(query(expression, time).value)
        rows = vector.labels.all_labels()
        return [TemplateSample(StringMap(one), value) for one, value in zip(rows, template_values(vector), strict=True)]

    return prometheus_functions(samples, time / 1000, external_url)


class TextSet:
    """The labels or the annotations of one alerting rule, parsed once; ``functions`` are those of plugins."""

    def __init__(self, texts: Mapping[str, str], alert: str, functions: Functions = _NONE) -> None:
        self._alert = alert
        self._functions = functions
        self._texts: dict[str, str | Template] = {name: self._prepared(text) for name, text in texts.items()}

    def _prepared(self, text: str) -> str | Template:
        if not is_template(text):
            return text
        try:
            return _parsed(text, self._alert, self._functions)
        except TemplateError as error:  # a rule that skipped the check at load still alerts
            return self._failure("parsing", error)

    def _failure(self, doing: str, error: TemplateError) -> str:
        return f"<error expanding template: error {doing} template __alert_{self._alert}: {error}>"

    def expand(self, data: AlertData, functions: Functions) -> Iterable[tuple[str, str]]:
        """Each name with its text for one element."""
        for name, text in self._texts.items():
            yield name, text if isinstance(text, str) else self._execute(text, data, functions)

    def _execute(self, template: Template, data: Any, functions: Functions) -> str:
        try:
            return template.execute(data, functions)
        except TemplateError as error:
            return self._failure("executing", error)


def labels_of(element: Labels, texts: Iterable[tuple[str, str]], alert: str) -> Labels:
    """An alert's identity: the element's labels without its metric name, the rule's labels, and the alert's name."""
    return Labels({**element, "__name__": "", **dict(texts), "alertname": alert})
