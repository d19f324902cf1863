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


QueryFunction = Callable[[str], Sequence[TemplateSample]]
"""Answers a PromQL expression, at the evaluation's own time; raises ``QueryError``."""


def first(samples: Any) -> TemplateSample:
    """The first element of a result."""
    found = _samples(samples)
    if not found:
        raise CallError("first() called on vector with no elements")
    return found[0]


def label(name: str, sample: Any) -> str:
    """A label of an element; an absent one is empty."""
    return _sample(sample).labels.get(name, "")


def value(sample: Any) -> Any:
    """The value of an element."""
    return _sample(sample).value


def string_value(sample: Any) -> str:
    """The label ``__value__`` of an element."""
    return _sample(sample).labels.get("__value__", "")


def sort_by_label(name: str, samples: Any) -> list[TemplateSample]:
    """The elements in the order of a label's values."""
    return sorted(_samples(samples), key=lambda one: one.labels.get(name, ""))


def _samples(value: Any) -> Sequence[TemplateSample]:
    if isinstance(value, list | tuple) and all(isinstance(one, TemplateSample) for one in value):
        return value
    raise CallError("wrong type for value; expected template.queryResult")


def _sample(value: Any) -> TemplateSample:
    if isinstance(value, TemplateSample):
        return value
    raise CallError("wrong type for value; expected *template.sample")
