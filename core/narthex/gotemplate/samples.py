"""What the function ``query`` gives to a template, and the functions that take it apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from narthex.gotemplate.calls import CallError
from narthex.gotemplate.values import Exported, StringMap
from narthex.model.histogram import Histogram, histogram_text

__all__ = [
    "PrintedHistogram",
    "QueryFunction",
    "QueryResult",
    "TemplateSample",
    "first",
    "label",
    "sort_by_label",
    "string_value",
    "value",
]


@dataclass(frozen=True, slots=True)
class PrintedHistogram(Exported):
    """A native histogram, of which templates see the text only."""

    histogram: Histogram

    go_type: ClassVar[str] = "*histogram.FloatHistogram"

    def go_text(self) -> str:
        """Count, sum and buckets."""
        return histogram_text(self.histogram)


@dataclass(frozen=True, slots=True)
class TemplateSample(Exported):
    """One element of a query's result. ``value`` is a float or a :class:`PrintedHistogram`."""

    labels: StringMap
    value: Any

    go_type: ClassVar[str] = "*template.sample"
    go_names: ClassVar[Mapping[str, str]] = {"Labels": "labels", "Value": "value"}
    go_any: ClassVar[frozenset[str]] = frozenset({"Value"})


class QueryResult(list[TemplateSample], Exported):
    """The result of a query."""

    __slots__ = ()

    go_type: ClassVar[str] = "template.queryResult"


QueryFunction = Callable[[str], Sequence[TemplateSample]]
"""Answers a PromQL expression, at the evaluation's own time; raises ``QueryError``."""


def first(samples: QueryResult | None) -> TemplateSample:
    """The first element of a result."""
    if not samples:
        raise CallError("first() called on vector with no elements")
    return samples[0]


def label(name: str, sample: TemplateSample | None) -> str:
    """A label of an element; an absent one is empty."""
    return _present(sample).labels.get(name, "")


def value(sample: TemplateSample | None) -> Any:
    """The value of an element."""
    return _present(sample).value


def string_value(sample: TemplateSample | None) -> str:
    """The label ``__value__`` of an element."""
    return _present(sample).labels.get("__value__", "")


def sort_by_label(name: str, samples: QueryResult | None) -> QueryResult:
    """The elements in the order of a label's values."""
    return QueryResult(sorted(samples or (), key=lambda one: one.labels.get(name, "")))


def _present(sample: TemplateSample | None) -> TemplateSample:
    if sample is None:
        raise CallError("runtime error: invalid memory address or nil pointer dereference")
    return sample
