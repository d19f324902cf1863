"""The engine against Debian's Prometheus, on identical samples: queries of the language that both know.

The samples go to Prometheus as blocks that promtool writes. Times are irregular, so that no sample stands just on the
edge of a window: there Prometheus 2 took one sample more.
"""

from __future__ import annotations

import json
import math
import random
import subprocess
import urllib.error
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from tests.conformance.cases import suite_files
from tests.core.promql.engine.demo import MINUTES, START, Series, demo_series, openmetrics, random_query
from tests.e2e.servers import Server, free_port, get, program, serving

from narthex.errors import QueryError
from narthex.model.labels import Labels
from narthex.promql.engine import Engine
from narthex.promql.value import InstantVector, RangeVector, Scalar, Value
from narthex.storage.protocol import Batch
from narthex.testing.storage import MemoryStorage

pytestmark = pytest.mark.server

RANDOM_QUERIES = 1000
INSTANT = START + (MINUTES - 5) * 60_000 + 777
RANGE = (START + 6 * 60_000 + 333, START + (MINUTES - 6) * 60_000, 61_001)
Answer = dict[Labels, dict[int, float]]


@dataclass(frozen=True)
class Pair:
    """The same samples in both."""

    engine: Engine
    prometheus: Server


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    promtool, prometheus = program("promtool"), program("prometheus")
    root = tmp_path_factory.mktemp("prometheus")
    series = demo_series(random.Random(1))
    (root / "demo.om").write_text(openmetrics(series))
    argv = [promtool, "tsdb", "create-blocks-from", "openmetrics", str(root / "demo.om"), str(root / "data")]
    subprocess.run(argv, check=True, capture_output=True)
    (root / "prometheus.yml").write_text("{}")
    port = free_port()
    argv = [
        prometheus, "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    with serving(argv, root / "log", port, "/-/ready") as server:
        yield Pair(Engine(stored(series)), server)


def stored(series: Series) -> MemoryStorage:
    storage = MemoryStorage()
    refs = storage.register(list(series))
    for ref, samples in zip(refs.tolist(), series.values(), strict=True):
        lane = storage.open_lane(1, 0)
        lane.extend(np.array([ref]))
        for when, value in samples:
            storage.append(Batch(lane, when, np.array([value])))
    return storage


def told(server: Server, path: str, **params: str) -> Answer | None:
    """Prometheus's answer; None where it refuses the query."""
    try:
        data = get(f"{server.url}/api/v1/{path}", **params)["data"]
    except urllib.error.HTTPError as error:
        if error.code in {400, 422}:
            return None
        raise
    if data["resultType"] == "scalar":
        return {Labels(): {round(data["result"][0] * 1000): float(data["result"][1])}}
    return {
        Labels(one["metric"]): {round(when * 1000): float(text) for when, text in one.get("values", [one.get("value")])}
        for one in data["result"]
    }


def computed(value: Value) -> Answer:
    match value:
        case Scalar():
            return {Labels(): {value.time: value.value}}
        case InstantVector(labels=labels, values=values, time=time):
            return {one: {time: v} for one, v in zip(labels.all_labels(), values.tolist(), strict=True)}
        case RangeVector(labels=labels, offsets=offsets, times=times, values=values):
            runs = [slice(offsets[row], offsets[row + 1]) for row in range(labels.rows)]
            return {
                one: dict(zip(times[run].tolist(), values[run].tolist(), strict=True))
                for one, run in zip(labels.all_labels(), runs, strict=True)
            }
    raise AssertionError(value)


def difference(mine: Answer, theirs: Answer) -> str | None:
    if set(mine) != set(theirs):
        return f"series differ: only here {set(mine) - set(theirs)}, only there {set(theirs) - set(mine)}"
    for labels, run in theirs.items():
        if set(mine[labels]) != set(run):
            return f"{labels} has other times"
        for when, value in run.items():
            own = mine[labels][when]
            same = math.isnan(own) and math.isnan(value)
            if not same and not math.isclose(own, value, rel_tol=1e-6, abs_tol=1e-9) and own != value:
                return f"{labels} at {when}: {own} here, {value} there"
    return None


def compared(pair: Pair, query: str) -> str | None:
    """What differs; None also where Prometheus 2 does not know the query."""
    start, end, step = RANGE
    theirs = told(pair.prometheus, "query", query=query, time=f"{INSTANT / 1000:.3f}")
    if theirs is not None:
        try:
            found = difference(computed(pair.engine.instant(query, INSTANT).value), theirs)
        except QueryError as error:
            found = f"refused here: {error}"
        if found:
            return f"{query}: {found}"
    times = {"start": f"{start / 1000:.3f}", "end": f"{end / 1000:.3f}", "step": f"{step / 1000:.3f}"}
    theirs = told(pair.prometheus, "query_range", query=query, **times)
    if theirs is None:
        return None
    try:
        found = difference(computed(pair.engine.range(query, start, end, step).value), theirs)
    except QueryError as error:
        found = f"refused here: {error}"
    return f"{query} (range): {found}" if found else None


def test_random_queries_answer_as_in_prometheus(pair: Pair) -> None:
    rng = random.Random(2)
    queries = [random_query(rng) for _ in range(RANDOM_QUERIES)]
    known = [one for one in queries if told(pair.prometheus, "query", query=one, time=f"{INSTANT / 1000:.3f}")]
    assert len(known) > RANDOM_QUERIES / 3  # that many have an answer at all
    assert [found for one in queries if (found := compared(pair, one))] == []


def test_the_queries_of_the_compliance_suite_answer_as_in_prometheus(pair: Pair) -> None:
    files = suite_files("compliance/promql/expanded_queries.json")
    if not files:
        pytest.skip("the conformance suite compliance/promql is absent")
    cases = json.loads(files[0].read_text(encoding="utf-8"))["cases"]
    queries = [case["query"] for case in cases if not case["should_fail"] and not case["skip_comparison"]]
    assert [found for one in queries if (found := compared(pair, one))] == []
