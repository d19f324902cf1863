"""Rates of counters whose start timestamps are known, against a simple evaluation of the proposal's rules."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest

from narthex.model.histogram import Histogram
from narthex.model.labels import Labels
from narthex.model.labeltable import LabelTable
from narthex.promql.engine import Engine, Semantics
from narthex.storage.frames import HistogramPoints, Points, Selection

BASE = 1_000_000
SPAN = 60_000
STARTS = Semantics(start_timestamps=True)
Counter = list[tuple[int, float, int]]
"""Time, value and start (0: unknown) of each sample."""


class OneCounter:
    """A storage of one counter, as a number or as the count of a histogram."""

    def __init__(self, counter: Counter, *, native: bool) -> None:
        times, values, starts = zip(*counter, strict=True)
        labels = LabelTable.of([Labels({"__name__": "c_total"})])
        points, natives = Points.none(), HistogramPoints.none()
        if native:
            natives = HistogramPoints.of([0] * len(times), times, [Histogram(count=one) for one in values], starts)
        else:
            series = np.zeros(len(times), dtype=np.int64)
            points = Points(series, np.array(times), np.array(values), np.array(starts))
        self._selection = Selection(labels, (), points, natives)

    def select(self, matchers, start, end):
        return self._selection


def random_counter(rng: random.Random) -> Counter:
    counter: Counter = []
    when, value, start = BASE, 0.0, 0
    for _ in range(12):
        gap = rng.choice([5_000, 10_000, 10_000, 15_000])
        match rng.choice(["grow", "grow", "delta", "restart", "unknown", "invalid"]):
            case "delta":
                value, start = float(rng.randrange(9)), when
            case "restart":
                value, start = float(rng.randrange(9)), when + rng.randrange(1, gap)
            case "unknown":
                value, start = value + rng.randrange(5), 0
            case "invalid":
                value, start = value + rng.randrange(5), when + gap + rng.choice([0, 7])
            case _:
                value += rng.randrange(9)
        when += gap
        counter.append((when, value, start))
    return counter


def reset(before: tuple[int, float, int], now: tuple[int, float, int]) -> bool:
    known = 0 < now[2] < now[0]
    if known and now[2] > before[0]:
        return True
    if known and now[2] == before[0] and 0 < before[2] < before[0]:
        return True
    return now[1] < before[1]


def increase(counter: Counter, t: int) -> float | None:
    """By the proposal: a zero where the first sample's counter started, if that is inside the window."""
    points = [one for one in counter if t - SPAN < one[0] <= t]
    begun = bool(points) and t - SPAN < points[0][2] < points[0][0]
    if len(points) < 2 - begun:
        return None
    lost = sum(before[1] for before, now in pairwise(points) if reset(before, now))
    if not begun:
        return stretched(points, points[-1][1] - points[0][1] + lost, t)
    average = (points[-1][0] - points[0][0]) / max(len(points) - 1, 1)
    to_end = t - points[-1][0]
    to_end = average / 2 if to_end >= average * 1.1 else to_end
    sampled = points[-1][0] - points[0][2]
    return (points[-1][1] + lost) * (sampled + to_end) / sampled


def stretched(points: Counter, grown: float, t: int) -> float:
    average = (points[-1][0] - points[0][0]) / (len(points) - 1)
    to_start, to_end = points[0][0] - (t - SPAN), t - points[-1][0]
    to_start = average / 2 if to_start >= average * 1.1 else to_start
    to_end = average / 2 if to_end >= average * 1.1 else to_end
    sampled = points[-1][0] - points[0][0]
    if grown > 0 and points[0][1] >= 0:
        to_start = min(to_start, sampled * points[0][1] / grown)
    return grown * (sampled + to_start + to_end) / sampled


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("seed", range(60))
def test_increase_follows_the_start_timestamps(seed: int, native: bool) -> None:
    counter = random_counter(random.Random(seed))
    engine = Engine(OneCounter(counter, native=native), semantics=STARTS)
    query = "increase(c_total[60s])"
    steps = range(BASE, BASE + 180_000, 7_000)
    value = engine.range(f"histogram_count({query})" if native else query, steps[0], steps[-1], 7_000).value
    found = dict(zip(value.times.tolist(), value.values.tolist(), strict=True))
    wanted = {t: one for t in steps if (one := increase(counter, t)) is not None}
    assert found == pytest.approx(wanted)


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("seed", range(20))
def test_resets_and_irate_follow_the_start_timestamps(seed: int, native: bool) -> None:
    counter = random_counter(random.Random(seed))
    engine = Engine(OneCounter(counter, native=native), semantics=STARTS)
    for t in range(BASE + 20_000, BASE + 150_000, 9_000):
        points = [one for one in counter if t - SPAN < one[0] <= t]
        resets = engine.instant("resets(c_total[60s])", t).value
        assert resets.values.tolist() == ([sum(reset(a, b) for a, b in pairwise(points))] if points else [])
        rate = "irate(c_total[60s])"
        found = engine.instant(f"histogram_count({rate})" if native else rate, t).value.values.tolist()
        if len(points) < 2:
            assert found == []
            continue
        before, now = points[-2:]
        change = now[1] if reset(before, now) else now[1] - before[1]
        assert found == pytest.approx([change / ((now[0] - before[0]) / 1000)])


def test_without_the_feature_start_timestamps_are_not_looked_at() -> None:
    counter = [(BASE + 10_000, 5.0, BASE + 5_000), (BASE + 20_000, 5.0, BASE + 15_000)]
    storage = OneCounter(counter, native=False)
    assert Engine(storage).instant("resets(c_total[60s])", BASE + 30_000).value.values.tolist() == [0.0]
    engine = Engine(storage, semantics=STARTS)
    assert engine.instant("resets(c_total[60s])", BASE + 30_000).value.values.tolist() == [1.0]
    assert engine.instant("resets(c_total[60s] anchored)", BASE + 30_000).value.values.tolist() == [0.0]
