"""Metric families as a strict reader finds them, in the shape of the data model's protobuf messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["TYPES", "Family", "FamilyType", "Metric"]

FamilyType = Literal["counter", "gauge", "summary", "untyped", "histogram", "gauge_histogram"]
TYPES: tuple[FamilyType, ...] = ("counter", "gauge", "summary", "untyped", "histogram", "gauge_histogram")


@dataclass(slots=True)
class Metric:
    """One metric: a number; or a summary's or histogram's parts, ``points`` being (quantile or bound, value)."""

    labels: dict[str, str]
    value: float | None = None
    timestamp: int | None = None
    count: float | None = None
    sum: float | None = None
    points: list[tuple[float, float]] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether all counts of a histogram are whole numbers."""
        counts = [one for _, one in self.points] + ([] if self.count is None else [self.count])
        return all(float(one).is_integer() for one in counts)


@dataclass(slots=True)
class Family:
    """A family. ``type`` is None until a TYPE line or a sample decides it."""

    name: str
    help: str | None = None
    type: FamilyType | None = None
    metrics: list[Metric] = field(default_factory=list)

    @property
    def own_label(self) -> str | None:
        """The label that is no label of the metric but tells which part a sample is."""
        return {"summary": "quantile", "histogram": "le", "gauge_histogram": "le"}.get(self.type or "")

    def part(self, name: str) -> str:
        """Which part of a metric a sample of this name is: ``count``, ``sum``, or ``""`` for any other."""
        suffix = name.removeprefix(self.name)
        return suffix[1:] if suffix in {"_count", "_sum"} and self.own_label is not None else ""
