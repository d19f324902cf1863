"""From exposed labels to the labels that are stored: target labels, metric relabeling, limits.

Runs once for each new series text; the cache remembers the outcome, drops included.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from narthex.config.names import is_label_name, is_metric_name
from narthex.errors import ScrapeError
from narthex.model.labels import Labels
from narthex.model.labeltable import Column, LabelTable
from narthex.relabel.rules import Rules

__all__ = ["LabelLimitError", "LabelLimits", "SeriesIdentity", "merge"]


class LabelLimitError(ScrapeError):
    """A series has too many labels, or too long ones."""


@dataclass(frozen=True, slots=True)
class LabelLimits:
    """0 means no limit. Lengths are bytes of UTF-8; the count includes ``__name__``."""

    count: int = 0
    name_length: int = 0
    value_length: int = 0

    def check(self, labels: Labels) -> None:
        """Raises ``LabelLimitError`` for labels beyond a limit."""
        if not (self.count or self.name_length or self.value_length):
            return
        if self.count and len(labels) > self.count:
            raise LabelLimitError(f"label_limit exceeded: {len(labels)} labels of {labels}, limit {self.count}")
        for name, value in labels.items():
            if self.name_length and len(name.encode()) > self.name_length:
                raise LabelLimitError(f"label_name_length_limit exceeded: {name!r} of {labels}")
            if self.value_length and len(value.encode()) > self.value_length:
                raise LabelLimitError(f"label_value_length_limit exceeded: {name!r} of {labels}")


@dataclass(frozen=True, slots=True)
class SeriesIdentity:
    """How one target's series get their labels. ``target`` are the target's public labels."""

    target: Labels
    rules: Rules
    honor_labels: bool = False
    limits: LabelLimits = LabelLimits()
    legacy_names: bool = False
    _target: dict[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_target", self.target.to_dict())  # a plain dict merges ten times as fast

    def of(self, exposed: Mapping[str, str]) -> Labels | None:
        """The labels to store, or None where relabeling drops the series.

        Raises ``ScrapeError`` where the result has no metric name or breaks a limit: the whole scrape fails then.
        """
        merged = merge(exposed, self._target, honor=self.honor_labels)
        relabelled = self.rules.apply(dict(sorted(merged.items())))
        if not relabelled:
            return None
        labels = Labels(relabelled)
        self._check_names(labels)
        self.limits.check(labels)
        return labels

    def of_all(self, exposed: LabelTable) -> LabelTable | None:
        """The labels to store of many series at once; None where they have to be looked at one by one.

        That is where rules, limits or clashing names make a difference between series, or a name is refused.
        """
        if len(self.rules) or self.limits != LabelLimits() or not self._target.keys().isdisjoint(exposed.columns):
            return None
        metric = exposed.columns.get("__name__")
        if metric is None or not metric.codes.all():
            return None
        legacy = self.legacy_names
        names = [*exposed.columns, *self._target]
        if not all(_is_label_name(one, legacy) for one in names):
            return None
        if not all(_is_metric_name(one, legacy) for one in metric.dictionary[1:]):
            return None
        ones = np.ones(exposed.rows, dtype=np.int32)
        own = {name: Column(ones, ("", value)) for name, value in self._target.items()}
        return LabelTable(exposed.rows, {**exposed.columns, **own})

    def _check_names(self, labels: Labels) -> None:
        name = labels.get("__name__")
        if name is None:
            raise ScrapeError(f"missing metric name (__name__ label) of series {labels}")
        legacy = self.legacy_names
        if not _is_metric_name(name, legacy) or not all(_is_label_name(one, legacy) for one in labels):
            raise ScrapeError(f"invalid metric name or label names: {labels}")

    def report(self, name: str) -> Labels:
        """The labels of a series that Narthex itself writes about the target: the target's labels win."""
        return Labels({"__name__": name, **{k: v for k, v in self.target.items() if k != "__name__"}})


# A fleet has few names: checking each of them once takes a quarter off the first scrape.
@lru_cache(maxsize=8192)
def _is_label_name(name: str, legacy: bool) -> bool:  # noqa: FBT001 -- a cached function takes no keywords cheaply
    return is_label_name(name, legacy=legacy)


@lru_cache(maxsize=8192)
def _is_metric_name(name: str, legacy: bool) -> bool:  # noqa: FBT001 -- likewise
    return is_metric_name(name, legacy=legacy)


def merge(exposed: Mapping[str, str], target: Mapping[str, str], *, honor: bool) -> dict[str, str]:
    """Exposed labels and the target's (reference §4.3).

    With ``honor`` the exposed ones win, and one exposed with an empty value takes the target's away. Otherwise the
    target's win, and a clashing exposed label is renamed ``exported_…``, shorter names first, until the name is free.
    """
    if honor:
        return {name: value for name, value in {**target, **exposed}.items() if value}
    merged = {name: value for name, value in exposed.items() if value}
    clashing = sorted((name for name in merged if name in target), key=lambda name: (len(name), name))
    if not clashing:
        return {**merged, **target}
    for name in clashing:
        renamed = f"exported_{name}"
        while renamed in merged or renamed in target:
            renamed = f"exported_{renamed}"
        merged[renamed] = merged[name]
    return {**merged, **target}
