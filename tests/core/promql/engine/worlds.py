"""Random series with gaps, resets, stale markers and irregular times, and random queries about them."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace

import numpy as np
from tests.core.promql.engine.simple import STALE, Data
from tests.core.promql.engine.simple_samples import Sample

from narthex.model.histogram import Buckets, Hint, Histogram, reduce_to, widen_zero, with_stored_hint
from narthex.model.histogram.custom import common_bounds, with_bounds
from narthex.model.labels import Labels
from narthex.model.labeltable import LabelTable
from narthex.model.sample import MISSING, STALE_NAN
from narthex.storage.frames import Frame, HistogramPoints, Points, Selection

BASE = 1_000_000
STEP = 10_000
ROWS = 14
KINDS = ("numbers", "numbers", "exponential", "exponential", "custom", "mixed")


@dataclass
class World:
    """The same samples twice: by series for the simple engine, and as a storage lays them out."""

    data: Data
    regular: set[Labels]
    """Series whose numbers stand in a frame."""

    def select(self, matchers, start, end):
        found = [
            (labels, samples)
            for labels, samples in self.data.series.items()
            if all(one.matches(labels.get_or_empty(one.name)) for one in matchers)
        ]
        frames = [self._frame([(row, s) for row, (labels, s) in enumerate(found) if labels in self.regular])]
        loose, natives = [], []
        for row, (labels, samples) in enumerate(found):
            for when, value in sorted(samples.items()):
                if isinstance(value, Histogram):
                    natives.append((row, when, value))
                elif labels not in self.regular:
                    loose.append((row, when, STALE_NAN if value == STALE else np.float64(value)))
        rows, times, values = zip(*loose, strict=True) if loose else ((), (), ())
        bits = np.array([one.view(np.int64) for one in values], dtype=np.int64).view(np.float64)
        points = Points(np.array(rows, dtype=np.int64), np.array(times, dtype=np.int64), bits)
        held = HistogramPoints.of(*zip(*natives, strict=True)) if natives else HistogramPoints.none()
        return Selection(LabelTable.of([labels for labels, _ in found]), [one for one in frames if one], points, held)

    def _frame(self, members):
        if not members:
            return None
        cells = np.full((ROWS, len(members)), MISSING)
        for column, (_, samples) in enumerate(members):
            for when, value in samples.items():
                if not isinstance(value, Histogram):
                    bits = STALE_NAN if value == STALE else np.float64(value)
                    cells.view(np.int64)[(when - BASE) // STEP, column] = bits.view(np.int64)
        times = BASE + STEP * np.arange(ROWS, dtype=np.int64)[:, None]
        every = np.arange(len(members))
        return Frame(cells, every, np.array([row for row, _ in members]), times, np.zeros(len(members), dtype=np.int64))


def random_world(rng: random.Random) -> World:
    world = World(Data(), set())
    for number in range(8):
        name, i = ("m", str(number)) if number < 5 else ("n", str(number - 5))
        labels = Labels({"__name__": name, "i": i, "job": rng.choice("ab")})
        kind = rng.choice(KINDS)
        grid = rng.random() < 0.6
        times = [BASE + STEP * row + (0 if grid else rng.randrange(STEP)) for row in range(ROWS) if rng.random() < 0.85]
        world.data.series[labels] = _stored(rng, kind, times)
        if grid:
            world.regular.add(labels)
    return world


def _stored(rng: random.Random, kind: str, times: list[int]) -> dict[int, Sample | str]:
    """Samples as a storage keeps them: histograms with the hint that their neighbour tells."""
    samples: dict[int, Sample | str] = {}
    number, gauge = float(rng.randrange(20)), rng.random() < 0.2
    native = _fresh(rng, custom=kind == "custom")
    before: Sample | str | None = None
    for when in times:
        if rng.random() < 0.06:
            samples[when] = before = STALE
            continue
        if kind == "numbers" or (kind == "mixed" and rng.random() < 0.5):
            number = float(rng.randrange(5)) if rng.random() < 0.1 else number + rng.choice([0.0, 1.0, 2.5, 7.0])
            samples[when] = before = number
            continue
        steady = rng.random() < 0.5  # of a reset: the buckets stay
        if rng.random() < 0.08:
            native = _laid_out_anew(rng, native)
        if rng.random() < 0.85:
            native = _grown(rng, native)
        else:
            native = _restarted(rng, native) if steady else _fresh(rng, custom=native.custom)
        if kind == "mixed" and rng.random() < 0.1:
            native = _fresh(rng, custom=not native.custom)
        hinted = native.with_hint(Hint.GAUGE if gauge else Hint.UNKNOWN)
        samples[when] = before = with_stored_hint(before if isinstance(before, Histogram) else None, hinted)
    return samples


def _laid_out_anew(rng: random.Random, histogram: Histogram) -> Histogram:
    """The same observations in other buckets, some of which were NaN: no reset, unless buckets got finer."""
    if histogram.custom:
        bounds = common_bounds(histogram.bounds, rng.choice(BOUNDS))
        return with_bounds(histogram, bounds) if bounds else histogram
    match rng.randrange(3):
        case 0:
            return reduce_to(histogram, max(-4, histogram.schema - rng.choice([1, 2])))
        case 1:
            return widen_zero(histogram, rng.choice([0.001, 0.3, 1.5]))
        case _:
            return replace(histogram, count=histogram.count + 2, sum=math.nan)


BOUNDS = ((1.0, 2.0, 4.0), (1.0, 4.0), (2.0, 4.0, 8.0), (1.0, 2.0, 4.0))


def _fresh(rng: random.Random, *, custom: bool) -> Histogram:
    if custom:
        bounds = rng.choice(BOUNDS)
        return _counted(Histogram(-53, positive=_random(rng, 0, len(bounds) + 1), bounds=bounds), rng)
    zero = rng.choice([0.0, 0.001, 0.001, 0.5])
    return _counted(
        Histogram(
            rng.choice([0, 0, 1, -1]),
            zero,
            float(rng.randrange(3)) if zero else 0.0,
            positive=_random(rng, rng.choice([1, 2]), 3),
            negative=_random(rng, 1, 2) if rng.random() < 0.3 else Buckets.of(()),
        ),
        rng,
    )


def _random(rng: random.Random, first: int, length: int) -> Buckets:
    return Buckets.of((first + at, float(rng.randrange(1, 6))) for at in range(length))


def _counted(histogram: Histogram, rng: random.Random) -> Histogram:
    if math.isnan(histogram.sum):
        return replace(histogram, count=_named(histogram) + 2)
    count = _named(histogram)
    return replace(histogram, count=count, sum=count * rng.choice([0.5, 1.0, 1.75]))


def _named(histogram: Histogram) -> float:
    return histogram.zero_count + float(histogram.positive.counts.sum() + histogram.negative.counts.sum())


def _restarted(rng: random.Random, histogram: Histogram) -> Histogram:
    counts = np.array([float(rng.randrange(3)) for _ in histogram.positive.counts])
    return _counted(replace(histogram, zero_count=0.0, positive=histogram.positive.with_counts(counts)), rng)


def _grown(rng: random.Random, histogram: Histogram) -> Histogram:
    more = replace(
        histogram,
        positive=histogram.positive.with_counts(
            histogram.positive.counts + [float(rng.choice([0, 0, 1, 2, 5])) for _ in histogram.positive.counts]
        ),
    )
    return _counted(more, rng)


# --- queries ---

RANGE_FUNCTIONS = (
    *("rate", "rate", "increase", "delta", "irate", "idelta", "changes", "resets", "sum_over_time", "avg_over_time"),
    *("min_over_time", "max_over_time", "stdvar_over_time", "count_over_time", "present_over_time"),
    *("first_over_time", "last_over_time", "ts_of_last_over_time"),
)
OF_VECTORS = (
    *("histogram_count({})", "histogram_sum({})", "histogram_avg({})", "abs({})", "absent({})", "-{}", "+{}"),
    *("histogram_quantile(0.37, {})", "histogram_quantile(0.83, {})", "histogram_fraction(0.3, 2.9, {})"),
    *("histogram_quantile(0, {})", "histogram_stddev({})", "histogram_stdvar({})", "histogram_fraction(-1, 1, {})"),
)
BY_NUMBER = ("{} * 2", "3 * {}", "{} / 4", "{} + 1", "{} </ 1.7", "{} >/ 1.3", "{} > 3", "{} == bool 2", "1 - {}")
BETWEEN = ("+", "-", "*", "/", "and", "or", "unless", "+", "-")
EXACT = ("==", "!=", "== bool", "!= bool", "> ", "<= bool")


def random_query(rng: random.Random, depth: int = 3) -> str:
    roll = rng.random()
    if depth == 0 or roll < 0.12:
        return _selector(rng)
    inner = lambda: f"({random_query(rng, depth - 1)})"  # noqa: E731 - each call draws anew
    if roll < 0.45:
        return f"{rng.choice(RANGE_FUNCTIONS)}({_range(rng)})"
    if roll < 0.62:
        return rng.choice(OF_VECTORS).format(inner())
    if roll < 0.78:
        clause = rng.choice(["", "by (job) ", "by (i) ", "without (i) ", "by (__name__) "])
        return f"{rng.choice(['sum', 'sum', 'avg', 'avg', 'min', 'max', 'count', 'group', 'stdvar'])} {clause}{inner()}"
    if roll < 0.88:
        return rng.choice(BY_NUMBER).format(inner())
    matching = rng.choice(["", "on (i) ", "on (i, job) ", "ignoring (job) "])
    if rng.random() < 0.3:  # equality of what was rounded differently says nothing: plain samples are compared
        return f"{_selector(rng)} {rng.choice(EXACT)} {matching}{_selector(rng)}"
    return f"{inner()} {rng.choice(BETWEEN)} {matching}{inner()}"


def _selector(rng: random.Random) -> str:
    name = rng.choice(["m{}", "m{}", "n{}", '{{__name__=~"m|n"{}}}'])
    matcher = rng.choice(["", "", 'job="a"', 'i=~"[012]"', 'i!="1"'])
    braced = f"{{{matcher}}}" if name[0] in "mn" else f", {matcher}" if matcher else ""
    return name.format(braced) + _moved(rng)


def _moved(rng: random.Random) -> str:
    return rng.choice(["", "", "", "", " offset 13s", " offset -20s", " @ start()", " @ end()", " @ 1050.5"])


def _range(rng: random.Random) -> str:
    span = rng.choice(["9s", "25s", "40s", "1m", "100s"])
    selector = _selector(rng)
    bare = selector.split(" offset")[0].split(" @")[0]
    if rng.random() < 0.25:
        # Without names two metrics may meet at a step that no window holds: an error that the simple one does not see.
        inner = rng.choice(["{}", "{}", "histogram_count({})" if selector[0] in "mn" else "{}", "sum by (i) ({})"])
        inner = inner.format(selector)
        return f"({inner})[{span}:{rng.choice(['7s', '10s', '20s'])}]{_moved(rng)}"
    return f"{bare}[{span}]{selector.removeprefix(bare)}"
