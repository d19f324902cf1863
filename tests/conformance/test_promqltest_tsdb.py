"""The engine scripts once more, on the embedded storage, whose answers are frames and not points.

A slab has no row at time 0, where scripts begin, so everything happens later by a number of days that every step in use
divides. Evaluations whose answer depends on the time itself are left to the test on the storage of the test kit.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from tests.conformance.cases import ROOT, suite_files

from narthex.kinds import BuildContext
from narthex.promql.ast import Call, Expr, SubqueryExpr, VectorSelector, walk
from narthex.promql.engine import Engine, Semantics
from narthex.promql.testlang.reader import read_script
from narthex.promql.testlang.rewrite import is_time_bound
from narthex.promql.testlang.runner import Outcome, run_script
from narthex.promql.testlang.script import Eval
from narthex.promql.value import InstantVector, QueryResult, RangeVector, Scalar, String, Value
from narthex.storage.protocol import Batch
from narthex.testing.clock import FakeClock
from narthex_plugins.tsdb import TsdbConfig, build

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


@contextmanager
def setup() -> Iterator[tuple[Any, LaterEngine]]:
    log = logging.LoggerAdapter(logging.getLogger("narthex.test.tsdb"))
    clock = FakeClock(LATER / 1000)
    storage = build(TsdbConfig(), BuildContext("tsdb", clock, log, CollectorRegistry()))
    semantics = Semantics(delayed_name_removal=True, start_timestamps=True)
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
def outcomes(path: Path) -> Mapping[int, Outcome]:
    script = read_script(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)))
    commands = tuple(one for one in script.commands if not isinstance(one, Eval) or not depends_on_time(one.expr))
    return {one.line: one for one in run_script(replace(script, commands=commands), setup, variations=False)}


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


@pytest.mark.parametrize(("path", "line"), evaluations())
def test_an_evaluation_answers_the_same_from_frames(path: Path, line: int) -> None:
    outcome = outcomes(path)[line]
    assert outcome.status == "passed", str(outcome)
