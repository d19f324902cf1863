"""What the embedded storage costs: row, registration, selection, bytes a series.

Run ``python tests/benchmarks/tsdb.py [TARGETS] [SERIES]`` (200 targets of 1,000 series are the default). It plays a
1 s interval with 40 % of the values changing, twenty times faster than real time, in a directory that goes away.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from prometheus_client import CollectorRegistry

from narthex.kinds import BuildContext
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchOp
from narthex.storage.protocol import Batch
from narthex.testing.clock import FakeClock
from narthex_plugins.tsdb import TsdbConfig, build
from narthex_plugins.tsdb.storage import Tsdb

T0 = 1_700_000_000_000
ROWS = 100


def resident() -> int:
    """Bytes of the process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def best(action: Callable[[], object], times: int = 10) -> float:
    """Microseconds of the fastest of some calls."""
    found = []
    for _ in range(times):
        begin = time.perf_counter()
        action()
        found.append(time.perf_counter() - begin)
    return min(found) * 1e6


def labels_of(target: int, series: int) -> list[Labels]:
    common = {"instance": f"host{target}:9100", "job": "node", "dc": "a", "env": "prod"}
    return [
        Labels({"__name__": f"metric_{i % 250}", "cpu": str(i // 250), "mode": f"m{i % 7}", **common})
        for i in range(series)
    ]


async def play(path: Path, targets: int, series: int) -> None:
    log = logging.LoggerAdapter(logging.getLogger("bench"))
    storage = build(TsdbConfig(), BuildContext("tsdb", FakeClock(T0 / 1000), log, CollectorRegistry(), path))
    await storage.start()
    total = targets * series
    before = resident()
    lanes, spent = [], 0.0
    for target in range(targets):
        labels = labels_of(target, series)
        begin = time.perf_counter()
        refs = storage.register(labels)
        lane = storage.open_lane(1000, target * 1000 // targets)
        lane.extend(refs)
        spent += time.perf_counter() - begin
        lanes.append(lane)
    sys.stdout.write(f"register          {spent / total * 1e6:8.2f} us/series\n")
    sys.stdout.write(f"series table      {(resident() - before) / total:8.0f} B/series\n")
    values, spent, sizes = np.random.default_rng(1).random(series), 0.0, []
    for row in range(ROWS):
        values[: series * 2 // 5] += 1
        begin = time.perf_counter()
        for lane in lanes:
            storage.append(Batch(lane, T0 + row * 1000 + lane.phase, values))
        spent += time.perf_counter() - begin
        sizes.append((resident() - before) / total)
        await asyncio.sleep(0.05)
    sys.stdout.write(f"append            {spent / ROWS / total * 1e9:8.1f} ns/sample\n")
    sys.stdout.write(f"resident          {np.mean(sizes):8.0f} B/series on average, {max(sizes):.0f} at most\n")
    select(storage)
    await storage.stop()
    files = sum(one.stat().st_size for one in (path / "sealed").iterdir())
    sys.stdout.write(f"sealed files      {files / total / ROWS:8.2f} B/sample\n")


def select(storage: Tsdb) -> None:
    name = Matcher(MatchOp.EQUAL, "__name__", "metric_7")
    one = [name, Matcher(MatchOp.EQUAL, "instance", "host0:9100"), Matcher(MatchOp.EQUAL, "cpu", "1")]
    end = T0 + (ROWS - 1) * 1000
    cases: list[tuple[str, list[Matcher], int]] = [
        ("one series, last row", one, end),
        ("one series, all rows", one, T0),
        ("one metric, all rows", [name], T0),
        ("everything, last row", [], end),
        ("everything, all rows", [], T0),
        ("one label, no metric", [one[1]], end),
    ]
    for text, matchers, start in cases:
        count = storage.select(matchers, start, end).labels.rows
        fastest = best(partial(storage.select, matchers, start, end))
        sys.stdout.write(f"select            {fastest:8.0f} us: {text} ({count})\n")


def main() -> None:
    """Print the figures."""
    targets, series = (int(text) for text in (*sys.argv[1:3], *("200", "1000")[len(sys.argv) - 1 :])[:2])
    with tempfile.TemporaryDirectory() as path:
        asyncio.run(play(Path(path), targets, series))


if __name__ == "__main__":
    main()
