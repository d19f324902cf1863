"""``anchored`` and ``smoothed`` ranges of histograms, against the line that a counter without resets would draw."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest

from narthex.model.histogram import Buckets, Histogram, with_stored_hint
from narthex.model.labels import Labels
from narthex.model.labeltable import LabelTable
from narthex.promql.engine import Engine
from narthex.storage.frames import HistogramPoints, Points, Selection

BASE = 1_000_000
SPAN, LOOKBACK = 25_000, 30_000
Samples = dict[int, float]


class OneHistogram:
    """A storage of one histogram with a single bucket, which counts as given."""

    def __init__(self, samples: Samples) -> None:
        values: list[Histogram] = []
        for count in samples.values():
            one = Histogram(count=count, sum=2 * count, positive=Buckets.of([(1, count)]))
            values.append(with_stored_hint(values[-1] if values else None, one))
        labels = LabelTable.of([Labels({"__name__": "h"})])
        points = HistogramPoints.of([0] * len(samples), list(samples), values)
        self._selection = Selection(labels, (), Points.none(), points)

    def select(self, matchers, start, end):
        return self._selection


def random_samples(rng: random.Random) -> Samples:
    samples, when, value = {}, BASE, 3.0
    for _ in range(14):
        when += rng.choice([5_000, 10_000, 10_000, 31_000])
        value = float(rng.randrange(6)) if rng.random() < 0.2 else value + rng.randrange(7)
        samples[when] = value
    return samples


def without_resets(samples: Samples) -> Samples:
    """What the counter would show had it never begun anew."""
    grown = dict(list(samples.items())[:1])
    for (before, old), (when, value) in pairwise(samples.items()):
        grown[when] = grown[before] + (value if value < old else value - old)
    return grown


def on_line(line: Samples, moment: int) -> float:
    return float(np.interp(moment, list(line), list(line.values())))


def around(samples: Samples, t: int) -> tuple[Samples, Samples, Samples]:
    """The last sample at or before the window, those in it, and the first one behind it, if near enough."""
    start = t - SPAN
    before = {when: value for when, value in samples.items() if start - LOOKBACK < when <= start}
    inside = {when: value for when, value in samples.items() if start < when <= t}
    behind = {when: value for when, value in samples.items() if t < when <= t + LOOKBACK}
    return dict(list(before.items())[-1:]), inside, dict(list(behind.items())[:1])


def smoothed(samples: Samples, t: int, *, counter: bool) -> float | None:
    before, inside, behind = around(samples, t)
    if not inside and not (before and behind):
        return None
    part = before | inside | behind
    line = without_resets(part) if counter else part
    return on_line(line, t) - on_line(line, t - SPAN)


def anchored(samples: Samples, t: int, *, counter: bool) -> float | None:
    before, inside, _ = around(samples, t)
    if not inside:
        return None
    part = before | inside
    line = without_resets(part) if counter else part
    return list(line.values())[-1] - next(iter(line.values()))


@pytest.mark.parametrize("modifier", [smoothed, anchored])
@pytest.mark.parametrize("function", ["increase", "delta"])
@pytest.mark.parametrize("seed", range(40))
def test_the_change_is_that_of_a_line_through_the_samples(seed: int, function: str, modifier) -> None:
    samples = random_samples(random.Random(seed))
    engine = Engine(OneHistogram(samples), lookback=LOOKBACK)
    steps = range(BASE - 10_000, BASE + 300_000, 3_000)
    query = f"histogram_sum({function}(h[{SPAN}ms] {modifier.__name__}))"
    value = engine.range(query, steps[0], steps[-1], 3_000).value
    found = dict(zip(value.times.tolist(), value.values.tolist(), strict=True))
    wanted = {t: modifier(samples, t, counter=function == "increase") for t in steps}
    assert found == pytest.approx({t: 2 * one for t, one in wanted.items() if one is not None})


@pytest.mark.parametrize("seed", range(40))
def test_a_smoothed_selector_reads_the_line(seed: int) -> None:
    samples = random_samples(random.Random(seed))
    engine = Engine(OneHistogram(samples), lookback=LOOKBACK)
    steps = range(BASE - 10_000, BASE + 300_000, 3_000)
    value = engine.range("histogram_count(h smoothed)", steps[0], steps[-1], 3_000).value
    found = dict(zip(value.times.tolist(), value.values.tolist(), strict=True))
    wanted = {}
    for t in steps:
        last = {when: one for when, one in samples.items() if t - LOOKBACK < when <= t}
        behind = {when: one for when, one in samples.items() if t < when <= t + LOOKBACK}
        if last:
            wanted[t] = on_line(dict([list(last.items())[-1], *list(behind.items())[:1]]), t)
    assert found == pytest.approx(wanted)
