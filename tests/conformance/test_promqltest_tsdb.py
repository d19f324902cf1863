"""The engine scripts twice more, on the embedded storage: its answers are frames and not points, of rows or of blocks.

A slab has no row at time 0, where scripts begin, so everything happens later by a number of days that every step in use
divides. Evaluations whose answer depends on the time itself are left to the test on the storage of the test kit.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry
from tests.conformance.cases import ROOT, suite_files

from narthex.kinds import BuildContext
from narthex.model.matcher import Matcher
from narthex.promql.ast import Call, Expr, SubqueryExpr, VectorSelector, walk
from narthex.promql.engine import Engine, Semantics
from narthex.promql.testlang.reader import read_script
from narthex.promql.testlang.rewrite import is_time_bound
from narthex.promql.testlang.runner import Outcome, run_script
from narthex.promql.testlang.script import Eval
from narthex.promql.value import InstantVector, QueryResult, RangeVector, Scalar, String, Value
from narthex.storage.flat import flat
from narthex.storage.frames import HistogramPoints, Points, Selection
from narthex.storage.protocol import Batch
from narthex.testing.clock import FakeClock
from narthex_plugins.tsdb import TsdbConfig, build
from narthex_plugins.tsdb.blocks import block_path, open_block, write_block
from narthex_plugins.tsdb.blocks.hashing import set_hash
from narthex_plugins.tsdb.histograms.columns import Columns, columns_of_samples
from narthex_plugins.tsdb.histograms.joining import joined_histograms

SCRIPTS = "promqltest/*.test"
LATER = 2520 * 7 * 86_400_000  # ms; divisible by every step up to ten of any unit
CLOCK_FUNCTIONS = {
    "start_timestamp",
    "ts_of_first_over_time",
    "ts_of_last_over_time",
    "ts_of_max_over_time",
    "ts_of_min_over_time",
}


def moved(value: Value) -> Value:
    match value:
        case Scalar() | String() | InstantVector():
            return replace(value, time=value.time - LATER)
        case RangeVector():
            return replace(value, times=value.times - LATER)


class LaterEngine:
    """Asks everything later, and tells the answer as if it had not."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def instant(self, expr: str, time: int) -> QueryResult:
        answer = self._engine.instant(expr, time + LATER)
        return replace(answer, value=moved(answer.value))

    def range(self, expr: str, start: int, end: int, step: int) -> QueryResult:
        answer = self._engine.range(expr, start + LATER, end + LATER, step)
        return replace(answer, value=moved(answer.value))


def later(points: Any) -> Any:
    if points is None:
        return None
    starts = None if points.starts is None else np.where(points.starts, points.starts + LATER, 0)
    return replace(points, times=points.times + LATER, starts=starts)


class LaterStorage:
    """Stores everything later."""

    def __init__(self, storage: Any) -> None:
        self._storage = storage

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def append(self, batch: Batch) -> Any:
        timestamp, points, histograms = batch.timestamp + LATER, later(batch.points), later(batch.histograms)
        return self._storage.append(replace(batch, timestamp=timestamp, points=points, histograms=histograms))


class InBlocks:
    """Answers every selection from a block that was written from it: all cells are decoded from compressed pages."""

    def __init__(self, storage: Any, directory: Path) -> None:
        self._storage = storage
        self._directory = directory
        self._numbers = count(1)

    def __getattr__(self, name: str) -> Any:
        if name == "is_small":
            raise AttributeError(name)
        return getattr(self._storage, name)

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        selection = self._storage.select(matchers, start, end)
        points, natives = flat(selection, start, end), columns(selection.histograms)
        rows = np.unique(np.concatenate([points.series, natives.refs]))
        bounds = np.searchsorted(points.series, rows[1:])
        times, values = (np.split(one, bounds) for one in (points.times, points.values))
        begun = [known_starts(selection.points, row, own) for row, own in zip(rows.tolist(), times, strict=False)]
        held = {at: natives.take(np.flatnonzero(natives.refs == row)) for at, row in enumerate(rows.tolist())}
        labels = selection.labels.take(rows).all_labels()
        path = block_path(self._directory, next(self._numbers))
        write_block(path, labels, times[: len(rows)], values, begun, {at: own for at, own in held.items() if len(own)})
        block = open_block(path)
        order = np.argsort([{one: at for at, one in enumerate(block.hashes.tolist())}[set_hash(one)] for one in labels])
        rows, every = rows[order.astype(np.int64)], np.arange(block.series)
        found = block.points(every, rows, start, end)
        by_row = np.lexsort((found.times, found.series))
        starts = None if found.starts is None else found.starts[by_row]
        found = Points(found.series[by_row], found.times[by_row], found.values[by_row], starts)
        histograms = joined_histograms([block.histogram_points(every, rows, start, end)], [])
        return Selection(selection.labels, block.frames(every, rows, start, end), found, histograms)


def columns(points: HistogramPoints) -> Columns:
    starts = np.zeros(len(points), dtype=np.int64) if points.starts is None else points.starts
    rows = zip(points.series.tolist(), points.times.tolist(), starts.tolist(), points.values.tolist(), strict=True)
    return columns_of_samples(list(rows))


def known_starts(points: Points, row: int, times: NDArray[np.int64]) -> NDArray[np.int64] | None:
    if points.starts is None:
        return None
    own = points.series == row
    known = dict(zip(points.times[own].tolist(), points.starts[own].tolist(), strict=True))
    return np.array([known.get(time, 0) for time in times.tolist()], dtype=np.int64)


@contextmanager
def setup(blocks: bool) -> Iterator[tuple[Any, LaterEngine]]:
    log = logging.LoggerAdapter(logging.getLogger("narthex.test.tsdb"))
    clock = FakeClock(LATER / 1000)
    storage: Any = build(TsdbConfig(), BuildContext("tsdb", clock, log, CollectorRegistry()))
    semantics = Semantics(delayed_name_removal=True, start_timestamps=True)
    with tempfile.TemporaryDirectory() as directory:
        storage = InBlocks(storage, Path(directory)) if blocks else storage
        engine = Engine(storage, max_samples=10_000, semantics=semantics)
        yield LaterStorage(storage), LaterEngine(engine)


def pins_a_time(expr: Expr) -> bool:
    return any(
        isinstance(node, VectorSelector | SubqueryExpr) and node.at is not None and node.at.kind == "timestamp"
        for node in walk(expr)
    )


def depends_on_time(expr: Expr) -> bool:
    return (
        is_time_bound(expr)
        or pins_a_time(expr)
        or any(isinstance(node, Call) and node.func in CLOCK_FUNCTIONS for node in walk(expr))
    )


@cache
def outcomes(path: Path, blocks: bool) -> Mapping[int, Outcome]:
    script = read_script(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)))
    commands = tuple(one for one in script.commands if not isinstance(one, Eval) or not depends_on_time(one.expr))
    begin = partial(setup, blocks)
    return {one.line: one for one in run_script(replace(script, commands=commands), begin, variations=False)}


def evaluations() -> list[Any]:
    files = suite_files(SCRIPTS)
    if not files:
        reason = f"conformance suite {SCRIPTS} is not in {ROOT}"
        return [pytest.param(None, 0, id="absent-promqltest", marks=pytest.mark.skip(reason=reason))]
    return [
        pytest.param(path, one.line, id=f"{path.name}:{one.line}")
        for path in files
        for one in read_script(path.read_text(encoding="utf-8"), path.name).evals
        if not depends_on_time(one.expr)
    ]


@pytest.mark.parametrize("blocks", [False, True], ids=["rows", "blocks"])
@pytest.mark.parametrize(("path", "line"), evaluations())
def test_an_evaluation_answers_the_same_from_frames(path: Path, line: int, blocks: bool) -> None:
    outcome = outcomes(path, blocks)[line]
    assert outcome.status == "passed", str(outcome)
