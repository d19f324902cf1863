"""What a query cost, as the API tells it where ``stats`` is asked for; fields as Prometheus names them."""

from __future__ import annotations

from typing import Any

import numpy as np

from narthex.promql.engine.query import Steps
from narthex.promql.engine.trace import PlanNode
from narthex.promql.value import QueryStats
from narthex.web.envelope import json_bytes

__all__ = ["plan_tree", "with_stats"]


def with_stats(data: bytes, stats: QueryStats, steps: Steps, queued: float, *, by_step: bool) -> bytes:
    """The data of an answer (a JSON object) with ``stats`` in it; ``queued`` are the seconds before the query ran."""
    return b"".join((data[:-1], b',"stats":', json_bytes(_stats(stats, steps, queued, by_step=by_step)), b"}"))


def _stats(stats: QueryStats, steps: Steps, queued: float, *, by_step: bool) -> dict[str, Any]:
    total = stats.prepared + stats.evaluated + stats.sorted
    samples: dict[str, Any] = {"totalQueryableSamples": stats.samples, "peakSamples": stats.peak}
    if by_step and stats.by_step is not None:
        times = (np.asarray(steps.times) / 1000).tolist()
        samples["totalQueryableSamplesPerStep"] = [list(one) for one in zip(times, stats.by_step.tolist(), strict=True)]
    return {
        "timings": {
            "evalTotalTime": total,
            "resultSortTime": stats.sorted,
            "queryPreparationTime": stats.prepared,
            "innerEvalTime": stats.evaluated,
            "execQueueTime": queued,
            "execTotalTime": queued + total,
        },
        "samples": samples,
    }


def plan_tree(node: PlanNode) -> dict[str, Any]:
    """A node of a query's plan with its children; times in seconds."""
    return {
        "node": node.what,
        "series": node.series,
        "samples": node.samples,
        "seconds": node.seconds,
        "ownSeconds": node.own_seconds,
        "children": [plan_tree(child) for child in node.children],
    }
