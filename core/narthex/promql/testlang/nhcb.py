"""``load_with_nhcb``: the classic histograms of a load block once more, as native ones with custom buckets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from narthex.model.histogram import Histogram, from_classic
from narthex.model.labels import Labels
from narthex.model.sample import STALE_NAN
from narthex.promql.testlang.series import SeriesLine, Value

__all__ = ["converted"]

_SUFFIXES = ("_bucket", "_count", "_sum")


@dataclass(slots=True)
class _Classic:
    """The lines of one classic histogram: by upper bound, and the two totals."""

    buckets: dict[float, SeriesLine] = field(default_factory=dict)
    count: SeriesLine | None = None
    sum: SeriesLine | None = None

    def lines(self) -> Iterator[SeriesLine]:
        yield from self.buckets.values()
        yield from (one for one in (self.count, self.sum) if one is not None)


def converted(series: Sequence[SeriesLine]) -> list[SeriesLine]:
    """A line for each classic histogram with buckets. Raises ``ValueError`` for counts that make no sense."""
    return [SeriesLine(labels, tuple(_values(one))) for labels, one in _grouped(series).items() if one.buckets]


def _grouped(series: Sequence[SeriesLine]) -> Mapping[Labels, _Classic]:
    found: dict[Labels, _Classic] = {}
    for line in series:
        labels = dict(line.labels)
        name = labels.get("__name__", "")
        suffix = next((one for one in _SUFFIXES if name.endswith(one)), None)
        bound = _bound(labels.pop("le", None))
        if suffix is None or (bound is None) == (suffix == "_bucket"):
            continue
        labels["__name__"] = name.removesuffix(suffix)
        classic = found.setdefault(Labels(labels), _Classic())
        if suffix == "_bucket" and bound is not None:
            classic.buckets[bound] = line
        elif suffix == "_count":
            classic.count = line
        else:
            classic.sum = line
    return found


def _bound(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _values(classic: _Classic) -> Iterator[Value]:
    for at in range(max(len(line.values) for line in classic.lines())):
        buckets = {bound: one for bound, line in classic.buckets.items() if (one := _number(line, at)) is not None}
        count, total = _number(classic.count, at), _number(classic.sum, at)
        if not buckets and count is None:
            yield None
        elif any(_is_stale(line, at) for line in classic.lines()):
            yield STALE_NAN
        else:
            yield from_classic(buckets, count, total or 0.0)


def _number(line: SeriesLine | None, at: int) -> float | None:
    value = line.values[at] if line is not None and at < len(line.values) else None
    return None if value is None or isinstance(value, Histogram) else float(value)


def _is_stale(line: SeriesLine, at: int) -> bool:
    return at < len(line.values) and line.values[at] is STALE_NAN
