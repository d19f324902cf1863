"""How long the engine takes on synthetic frames, the storage's own work left out.

Run ``python tests/benchmarks/engine.py``: prints the best of several runs in milliseconds. The shapes are those of the
project's comparison with Prometheus: 200 targets of 1,000 series, one sample a second.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

import numpy as np

from narthex.model.labeltable import Column, LabelTable
from narthex.model.matcher import Matcher
from narthex.promql.engine import Engine
from narthex.storage.frames import Frame, Points, Selection

TARGETS, PER_TARGET, ROWS = 200, 1000, 330
START = 1_700_000_000_000


class Canned:
    """Answers every ``select`` with one prepared selection."""

    def __init__(self, selection: Selection) -> None:
        self.selection = selection

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        """The selection, whatever was asked for."""
        return self.selection


def selection(per_target: int, matrix: np.ndarray, times: np.ndarray) -> Selection:
    """The first ``per_target`` series of every target, as a slab's frame."""
    target = np.repeat(np.arange(TARGETS), per_target)
    within = np.tile(np.arange(per_target), TARGETS)
    names = ["", *(f"bench_metric_{i}_total" for i in range(50))]
    labels = LabelTable(
        len(target),
        {
            "__name__": Column((within // 20 + 1).astype(np.int32), names),
            "mode": Column((within // 20 + 1).astype(np.int32), ["", *map(str, range(50))]),
            "cpu": Column((within % 20 + 1).astype(np.int32), ["", *map(str, range(20))]),
            "instance": Column((target + 1).astype(np.int32), ["", *(f"host-{i}:9100" for i in range(TARGETS))]),
        },
    )
    frame = Frame(matrix, target * PER_TARGET + within, np.arange(len(target)), times, target)
    return Selection(labels, [frame], Points.none())


def best(run: Callable[[], object], runs: int = 7) -> float:
    """The shortest of several runs, in milliseconds."""
    durations = []
    for _ in range(runs):
        begun = time.perf_counter()
        run()
        durations.append(time.perf_counter() - begun)
    return min(durations) * 1000


def main() -> None:
    """Print the figures."""
    random = np.random.default_rng(1)
    increments = random.integers(0, 5, (ROWS, TARGETS * PER_TARGET)).astype(np.float64)
    matrix = np.cumsum(increments, axis=0)
    times = START + np.arange(ROWS)[:, None] * 1000 + random.integers(0, 1000, TARGETS)[None, :]
    end = START + (ROWS - 2) * 1000
    everything = Engine(Canned(selection(PER_TARGET, matrix, times)))  # type: ignore[arg-type]  # select is enough
    cpus = Engine(Canned(selection(20, matrix, times)))
    whole = selection(1, matrix, times)
    one_frame = whole.frames[0]
    one = Frame(matrix, one_frame.columns[:1], one_frame.series[:1], times[:, :1], one_frame.group[:1])
    single = Engine(Canned(Selection(whole.labels.take(np.zeros(1, dtype=np.int64)), [one], Points.none())))
    figures = {
        "single series, instant": lambda: single.instant("bench_metric_0_total", end),
        "single series, rate, instant": lambda: single.instant("rate(bench_metric_0_total[30s])", end),
        "sum by (cpu) (rate(4,000 series [30s])), 31 steps": lambda: cpus.range(
            "sum by (cpu) (rate(bench_metric_0_total[30s]))", end - 150_000, end, 5_000
        ),
        "sum by (cpu) (rate(4,000 series [30s])), instant": lambda: cpus.instant(
            "sum by (cpu) (rate(bench_metric_0_total[30s]))", end
        ),
        "sum by (cpu) (200,000 series), instant": lambda: everything.instant(
            'sum by (cpu) ({__name__=~"bench_metric_.*"})', end
        ),
        "sum(200,000 series), instant": lambda: everything.instant('sum({__name__=~"bench_metric_.*"})', end),
        "sum by (cpu) (rate(200,000 series [30s])), instant": lambda: everything.instant(
            'sum by (cpu) (rate({__name__=~"bench_metric_.*"}[30s]))', end
        ),
        "max_over_time(4,000 series [30s]), 31 steps": lambda: cpus.range(
            "max_over_time(bench_metric_0_total[30s])", end - 150_000, end, 5_000
        ),
        "avg_over_time(4,000 series [30s]), 31 steps": lambda: cpus.range(
            "avg_over_time(bench_metric_0_total[30s])", end - 150_000, end, 5_000
        ),
        "topk(5, 200,000 series), instant": lambda: everything.instant('topk(5, {__name__=~"bench_metric_.*"})', end),
    }
    for name, run in figures.items():
        sys.stdout.write(f"{best(run):10.3f} ms  {name}\n")


if __name__ == "__main__":
    main()
