"""A simple engine for floats, one sample after the other, and the comparison of the engine with it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from narthex.model.labels import Labels
from narthex.model.labeltable import LabelTable
from narthex.model.sample import MISSING, STALE_NAN
from narthex.promql.engine import Engine
from narthex.promql.value import InstantVector, RangeVector
from narthex.storage.frames import NO_TIME, Frame, Points, Selection

BASE = 1_000_000
LOOKBACK = 30_000
STALE = "stale"


@dataclass
class World:
    """Series with samples by time, and the same samples laid out as a storage might."""

    labels: list[Labels]
    frames: list[Frame]
    points: Points
    samples: list[dict[int, float | str]] = field(default_factory=list)

    def select(self, matchers, start, end):
        rows = [
            row
            for row, labels in enumerate(self.labels)
            if all(one.matches(labels.get_or_empty(one.name)) for one in matchers)
        ]
        place = {row: at for at, row in enumerate(rows)}
        frames = []
        for frame in self.frames:
            kept = np.array([i for i, row in enumerate(frame.series.tolist()) if row in place], dtype=np.int64)
            series = np.array([place[row] for row in frame.series[kept].tolist()], dtype=np.int64)
            frames.append(Frame(frame.matrix, frame.columns[kept], series, frame.times, frame.group[kept]))
        inside = np.array([row in place for row in self.points.series.tolist()], dtype=bool)
        series = np.array([place[row] for row in self.points.series[inside].tolist()], dtype=np.int64)
        points = Points(series, self.points.times[inside], self.points.values[inside])
        return Selection(LabelTable.of([self.labels[row] for row in rows]), frames, points)


VALUES = st.sampled_from([0.0, 1.0, 2.0, 3.0, 5.0, 7.25, -4.0, 100.0, 1e9, math.nan, math.inf])
CELLS = st.one_of(VALUES, VALUES, VALUES, st.sampled_from(["missing", STALE]))
REGULAR = st.sampled_from([0.0, 1.0, 2.0, 3.0, 5.0, 7.25, 40.0])


def as_float(cell: float | str) -> np.float64:
    return {"missing": MISSING, STALE: STALE_NAN}[cell] if isinstance(cell, str) else np.float64(cell)


def bits(cells: list[float | str]) -> np.ndarray:
    return np.array([as_float(cell).view(np.int64) for cell in cells], dtype=np.int64).view(np.float64)


@st.composite
def worlds(draw, cells=CELLS) -> World:
    count = draw(st.integers(1, 5))
    labels = [
        Labels({"__name__": "m" if i < 3 else "n", "i": str(i % 3), "job": draw(st.sampled_from("ab"))})
        for i in range(count)
    ]
    world = World(labels, [], Points.none(), [{} for _ in labels])
    for _ in range(draw(st.integers(0, 3))):
        add_frame(draw, world, cells)
    add_points(draw, world)
    return world


def add_frame(draw, world: World, cells) -> None:
    rows, groups = draw(st.integers(1, 8)), draw(st.integers(1, 3))
    base = BASE + draw(st.sampled_from([0, 0, 40_000, 80_000]))
    columns = draw(st.lists(st.integers(0, len(world.labels) - 1), min_size=1, max_size=6))
    group = draw(st.lists(st.integers(0, groups - 1), min_size=len(columns), max_size=len(columns)))
    times = np.zeros((rows, groups), dtype=np.int64)
    for g in range(groups):
        phase = draw(st.integers(0, 9_999))
        present = draw(st.lists(st.sampled_from([True, True, True, False]), min_size=rows, max_size=rows))
        times[:, g] = [base + phase + row * 10_000 if there else NO_TIME for row, there in enumerate(present)]
    drawn = draw(st.lists(cells, min_size=rows * len(columns), max_size=rows * len(columns)))
    matrix = bits(drawn).reshape(rows, len(columns))
    order = draw(st.permutations(range(len(columns))))  # the block's columns need not be in the selection's order
    stored = np.empty_like(matrix)
    stored.view(np.int64)[:, order] = matrix.view(np.int64)
    frame = Frame(stored, np.array(order), np.array(columns), times, np.array(group))
    world.frames.append(frame)
    for at, series in enumerate(columns):
        for row in range(rows):
            when, cell = int(times[row, group[at]]), drawn[row * len(columns) + at]
            if when != NO_TIME and cell != "missing":
                world.samples[series][when] = cell


def add_points(draw, world: World) -> None:
    drawn = draw(
        st.dictionaries(
            st.tuples(st.integers(0, len(world.labels) - 1), st.integers(BASE, BASE + 120_000)), VALUES, max_size=6
        )
    )
    ordered = sorted(drawn.items())
    if ordered and draw(st.booleans()):
        world.points = Points(
            np.array([series for (series, _), _ in ordered]),
            np.array([when for (_, when), _ in ordered]),
            np.array([value for _, value in ordered]),
        )
        for (series, when), value in ordered:
            world.samples[series][when] = value


# --- the simple engine ---

Answer = dict[Labels, float]


def newest(samples, t) -> float | None:
    when = max((one for one in samples if t - LOOKBACK < one <= t), default=None)
    return None if when is None or samples[when] == STALE else samples[when]


def window(samples, t, span) -> list[tuple[int, float]]:
    return [(when, value) for when, value in sorted(samples.items()) if t - span < when <= t and value != STALE]


def extrapolated(points, t, span, *, counter, per_second) -> float | None:
    if len(points) < 2:
        return None
    change = points[-1][1] - points[0][1]
    if counter:
        for (_, before), (_, after) in pairwise(points):
            if after < before:
                change += before
    sampled = (points[-1][0] - points[0][0]) / 1000
    average = sampled / (len(points) - 1)
    to_start, to_end = (points[0][0] - (t - span)) / 1000, (t - points[-1][0]) / 1000
    if to_start >= average * 1.1:
        to_start = average / 2
    if counter and change > 0 and points[0][1] >= 0:
        to_start = min(to_start, sampled * (points[0][1] / change))
    if to_end >= average * 1.1:
        to_end = average / 2
    factor = (sampled + to_start + to_end) / sampled
    return change * (factor / (span / 1000) if per_second else factor)


def quantile(q, values) -> float:
    ordered = sorted(values, key=lambda one: (not math.isnan(one), one))
    rank = q * (len(ordered) - 1)
    low = math.floor(rank)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] * (1 - (rank - low)) + ordered[high] * (rank - low)


def variance(values) -> float:
    if not all(map(math.isfinite, values)):
        return math.nan
    mean = math.fsum(values) / len(values)
    return math.fsum((one - mean) ** 2 for one in values) / len(values)


def least(values) -> float:
    return min((one for one in values if not math.isnan(one)), default=math.nan)


def most(values) -> float:
    return max((one for one in values if not math.isnan(one)), default=math.nan)


def differing(points, test) -> float:
    return float(sum(test(a, b) for (_, a), (_, b) in pairwise(points)))


def changed(a, b) -> bool:
    return a != b and not (math.isnan(a) and math.isnan(b))


def last_two(points, *, rate) -> float | None:
    if len(points) < 2:
        return None
    (t0, a), (t1, b) = points[-2:]
    if rate:
        return (b if b < a else b - a) / ((t1 - t0) / 1000)
    return b - a


def some(compute):
    return lambda points, t, span: compute([value for _, value in points]) if points else None


RANGE_FUNCTIONS = {
    "rate(m[SPAN])": lambda p, t, s: extrapolated(p, t, s, counter=True, per_second=True),
    "increase(m[SPAN])": lambda p, t, s: extrapolated(p, t, s, counter=True, per_second=False),
    "delta(m[SPAN])": lambda p, t, s: extrapolated(p, t, s, counter=False, per_second=False),
    "irate(m[SPAN])": lambda p, t, s: last_two(p, rate=True),
    "idelta(m[SPAN])": lambda p, t, s: last_two(p, rate=False),
    "changes(m[SPAN])": lambda p, t, s: differing(p, changed) if p else None,
    "resets(m[SPAN])": lambda p, t, s: differing(p, lambda a, b: b < a) if p else None,
    "sum_over_time(m[SPAN])": some(sum),
    "avg_over_time(m[SPAN])": some(lambda values: sum(values) / len(values)),
    "min_over_time(m[SPAN])": some(least),
    "max_over_time(m[SPAN])": some(most),
    "count_over_time(m[SPAN])": some(lambda values: float(len(values))),
    "last_over_time(m[SPAN])": some(lambda values: values[-1]),
    "first_over_time(m[SPAN])": some(lambda values: values[0]),
    "stdvar_over_time(m[SPAN])": some(variance),
    "quantile_over_time(0.3, m[SPAN])": some(lambda values: quantile(0.3, values)),
    "present_over_time(m[SPAN])": some(lambda values: 1.0),
    "ts_of_last_over_time(m[SPAN])": lambda p, t, s: p[-1][0] / 1000 if p else None,
}


def nameless(labels: Labels) -> Labels:
    return labels.without(["__name__"])


def selected(world: World, name: str, t: int) -> Answer:
    found = {}
    for labels, samples in zip(world.labels, world.samples, strict=True):
        value = newest(samples, t)
        if labels["__name__"] == name and value is not None:
            found[labels] = value
    return found


# --- comparison ---


def answers(value) -> dict[Labels, dict[int, float]]:
    labels = value.labels.all_labels()
    assert len(set(labels)) == len(labels)
    if isinstance(value, InstantVector):
        return {one: {value.time: float(value.values[row])} for row, one in enumerate(labels)}
    assert isinstance(value, RangeVector)
    found = {}
    for row, one in enumerate(labels):
        run = slice(value.offsets[row], value.offsets[row + 1])
        found[one] = dict(zip(value.times[run].tolist(), value.values[run].tolist(), strict=True))
        assert found[one]
    return found


def same(a: float, b: float) -> bool:
    return (math.isnan(a) and math.isnan(b)) or a == b or math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)


def compare(world: World, query: str, expected, steps: tuple[int, int, int]) -> None:
    start, end, step = steps
    engine = Engine(world, lookback=LOOKBACK)
    got = answers(engine.range(query, start, end, step).value)
    wanted: dict[Labels, dict[int, float]] = {}
    for t in range(start, end + 1, step):
        at_step = expected(t)
        for labels, value in at_step.items():
            wanted.setdefault(labels, {})[t] = value
        assert_same(answers(engine.instant(query, t).value), {k: {t: v} for k, v in at_step.items()}, query)
    assert_same(got, wanted, query)


def assert_same(got, wanted, query: str) -> None:
    assert set(got) == set(wanted), query
    for labels, run in wanted.items():
        assert set(got[labels]) == set(run), (query, labels)
        for t, value in run.items():
            assert same(got[labels][t], value), (query, labels, t, got[labels][t], value)


STEPS = st.tuples(st.integers(BASE, BASE + 30_000), st.integers(0, 100_000), st.sampled_from([7_000, 10_000, 33_000]))
COMMON = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))


def bounds(drawn: tuple[int, int, int]) -> tuple[int, int, int]:
    return drawn[0], drawn[0] + drawn[1], drawn[2]
