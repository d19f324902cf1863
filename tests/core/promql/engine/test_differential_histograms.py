"""Thousands of random queries over numbers and native histograms: the engine against a deliberately simple one."""

from __future__ import annotations

import math
import random
import re

import pytest
from tests.core.promql.engine.simple import AmbiguousError, Simple, Vector
from tests.core.promql.engine.simple_samples import COLLISION, MIX, Sample
from tests.core.promql.engine.worlds import BASE, World, random_query, random_world

from narthex.errors import QueryError
from narthex.model.histogram import Histogram, close_to
from narthex.model.labels import Labels
from narthex.promql.durations import resolve
from narthex.promql.engine import Engine
from narthex.promql.value import InstantVector, RangeVector

WORLDS = 60
QUERIES = 50
PLACE = re.compile(r" \(\d+:\d+\)$")
Cells = dict[tuple[Labels, int], Sample]


def close(one: float, other: float) -> bool:
    both_nan = math.isnan(one) and math.isnan(other)
    return both_nan or one == other or math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)


def alike(one: Sample, other: Sample) -> bool:
    if isinstance(one, Histogram) and isinstance(other, Histogram):
        return close_to(without_dust(one), without_dust(other), close)
    return not isinstance(one, Histogram) and not isinstance(other, Histogram) and close(one, other)


def without_dust(histogram: Histogram) -> Histogram:
    """Buckets that rounding left with next to nothing are empty."""
    sides = [side.with_counts(side.counts.round(10)) for side in (histogram.positive, histogram.negative)]
    return Histogram(
        histogram.schema,
        histogram.zero_threshold,
        histogram.zero_count,
        histogram.count,
        histogram.sum,
        *sides,
        histogram.bounds,
    ).compact()


def cells_of(value: InstantVector | RangeVector) -> Cells:
    labels = value.labels.all_labels()
    objects = [None] * len(value.values) if value.histograms is None else value.histograms.tolist()
    samples = [v if h is None else h for v, h in zip(value.values.tolist(), objects, strict=True)]
    if isinstance(value, InstantVector):
        return {(one, value.time): sample for one, sample in zip(labels, samples, strict=True)}
    found: Cells = {}
    for row, one in enumerate(labels):
        run = slice(int(value.offsets[row]), int(value.offsets[row + 1]))
        found |= {(one, when): v for when, v in zip(value.times[run].tolist(), samples[run], strict=True)}
    return found


def expected_cells(world: World, engine: Engine, query: str, steps: range) -> tuple[Cells, set[str]] | None:
    """Every cell that the simple engine computes, and what it says; None where it finds the query ambiguous."""
    simple = Simple(world.data, steps[0], steps[-1])
    expr = resolve(engine.parse(query), step=steps.step, range_=steps[-1] - steps[0])
    found: Cells = {}
    try:
        for t in steps:
            value: Vector | float = simple.value(expr, t)
            assert isinstance(value, dict)
            found |= {(labels, t): sample for labels, sample in value.items()}
    except AmbiguousError:
        return None
    return found, {said(one, query) for one in simple.talk.said} - {""}


def said(text: str, query: str) -> str:
    """An annotation without its kind, its place, and names that depend on the order of series."""
    text = PLACE.sub("", text).removeprefix("PromQL warning: ").removeprefix("PromQL info: ")
    if text.startswith("metric might not be a counter") or (text.startswith(COLLISION) and "histogram_" in query):
        return ""  # below functions of counts hints are found out (countsonly.py), which the simple one does not
    return MIX if text.startswith(MIX) else text


def assert_same(got: Cells, wanted: Cells, what: str) -> None:
    assert set(got) == set(wanted), what
    for cell, sample in wanted.items():
        assert alike(got[cell], sample), (what, cell, got[cell], sample)


@pytest.mark.parametrize("seed", range(WORLDS))
def test_random_queries_agree_with_the_simple_engine(seed: int) -> None:
    rng = random.Random(seed)
    world = random_world(rng)
    engine = Engine(world, lookback=world.data.lookback)
    for number in range(QUERIES):
        query = random_query(rng)
        start = BASE + rng.randrange(-20_000, 60_000)
        step = rng.choice([7_000, 10_000, 21_000])
        steps = range(start, start + step * rng.randrange(1, 8), step)
        what = f"world {seed}, query {number}: {query} at {steps}"
        wanted = expected_cells(world, engine, query, steps)
        if wanted is None:
            with pytest.raises(QueryError):
                engine.range(query, steps[0], steps[-1], step)
            continue
        result = engine.range(query, steps[0], steps[-1], step)
        assert isinstance(result.value, RangeVector)
        assert_same(cells_of(result.value), wanted[0], what)
        told = {said(one, query) for one in (*result.warnings, *result.infos)} - {""}
        # A subquery is evaluated between its windows, too, where there may be more to say.
        assert told >= wanted[1] if ":" in query else told == wanted[1], (what, told ^ wanted[1])
        moment = rng.choice(steps)
        if "start()" not in query and "end()" not in query:
            at_once = engine.instant(query, moment).value
            assert isinstance(at_once, InstantVector)
            assert_same(cells_of(at_once), {cell: one for cell, one in wanted[0].items() if cell[1] == moment}, what)
