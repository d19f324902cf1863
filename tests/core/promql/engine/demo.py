"""Made-up series of a demo service, named as the PromQL compliance suite asks for them, and queries about them."""

from __future__ import annotations

import random
from itertools import product

from narthex.model.labels import Labels

START = 1_750_000_000_123  # ms
MINUTES = 30
INTERVAL = 5_000

Series = dict[Labels, list[tuple[int, float]]]


def demo_series(rng: random.Random) -> Series:
    """Counters with resets, gauges and classic histograms of three instances, with gaps and irregular times."""
    series: Series = {}
    for instance in ("demo:10000", "demo:10001", "demo:10002"):
        own = {"instance": instance, "job": "demo"}
        phase = rng.randrange(INTERVAL)
        times = [
            START + phase + INTERVAL * row + rng.randrange(-40, 40)
            for row in range(MINUTES * 60_000 // INTERVAL)
            if rng.random() < 0.97
        ]
        for mode in ("idle", "system", "user"):
            name = Labels({"__name__": "demo_cpu_usage_seconds_total", "mode": mode, **own})
            series[name] = _counter(rng, times, 4.9)
        for kind in ("buffers", "cached", "free", "used"):
            name = Labels({"__name__": "demo_memory_usage_bytes", "type": kind, **own})
            series[name] = [(when, float(rng.randrange(1 << 32))) for when in times]
        series[Labels({"__name__": "demo_num_cpus", **own})] = [(when, 4.0) for when in times]
        series[Labels({"__name__": "demo_disk_usage_bytes", **own})] = _counter(rng, times, 1e6, resets=False)
        sparse = [when for when in times if (when // 60_000) % 3]
        series[Labels({"__name__": "demo_intermittent_metric", **own})] = [(when, 1.0) for when in sparse]
        done = Labels({"__name__": "demo_batch_last_success_timestamp_seconds", **own})
        series[done] = [(when, float(when // 90_000 * 90)) for when in times]
        series |= _histogram(rng, times, own)
    return series


def _counter(rng: random.Random, times: list[int], most: float, *, resets: bool = True) -> list[tuple[int, float]]:
    """It never comes near zero: versions differ in how far they extend a counter in that direction."""
    value, samples = most * (1000 + rng.random()), []
    for when in times:
        value = value - most * 100 if resets and rng.random() < 0.01 else value + rng.random() * most
        samples.append((when, value))
    return samples


def _histogram(rng: random.Random, times: list[int], own: dict[str, str]) -> Series:
    series: Series = {}
    bounds = ("0.01", "0.05", "0.2", "1", "+Inf")
    for method, status in product(("GET", "POST"), ("200", "500")):
        counts = [0.0] * len(bounds)
        rows: list[list[tuple[int, float]]] = [[] for _ in bounds]
        for when in times:
            for bucket in range(len(bounds)):
                counts[bucket] += rng.randrange(5)
            for bucket, row in enumerate(rows):
                row.append((when, sum(counts[: bucket + 1])))
        kept = {"__name__": "demo_api_request_duration_seconds_bucket", "method": method, "status": status, **own}
        series |= {Labels({**kept, "le": bound}): row for bound, row in zip(bounds, rows, strict=True)}
        series[Labels({**kept, "__name__": "demo_api_request_duration_seconds_count"})] = rows[-1]
    return series


def openmetrics(series: Series) -> str:
    """The series as OpenMetrics text, of metrics of unknown type."""
    families: dict[str, list[str]] = {}
    for labels, samples in series.items():
        name = labels["__name__"]
        pairs = ",".join(f'{key}="{value}"' for key, value in labels.items() if key != "__name__")
        lines = [f"{name}{{{pairs}}} {value!r} {when / 1000:.3f}" for when, value in samples]
        families.setdefault(name, []).extend(lines)
    return "\n".join([line for lines in families.values() for line in lines] + ["# EOF", ""])


RANGE_FUNCTIONS = (
    *("rate", "increase", "delta", "irate", "idelta", "changes", "resets", "deriv", "sum_over_time", "avg_over_time"),
    *("min_over_time", "max_over_time", "stddev_over_time", "count_over_time", "last_over_time", "present_over_time"),
)
OF_VECTORS = ("abs({})", "ceil({})", "sqrt({})", "timestamp({})", "sgn({})", "-{}", "absent({})", "clamp_max({}, 7)")
OPERATORS = ("+", "-", "*", "/", "%", "> bool", "<", "!=", "and", "or", "unless", "atan2")


def random_query(rng: random.Random, depth: int = 3) -> str:
    """A query of the language as it was in Prometheus 2.42."""
    roll = rng.random()
    if depth == 0 or roll < 0.1:
        return _selector(rng) + _moved(rng)
    inner = lambda: f"({random_query(rng, depth - 1)})"  # noqa: E731 - each call draws anew
    if roll < 0.45:
        return _over_range(rng)
    if roll < 0.55:
        return rng.choice(OF_VECTORS).format(inner())
    if roll < 0.75:
        clause = rng.choice(["", "by (instance) ", "by (mode, type) ", "without (instance) "])
        return f"{rng.choice(['sum', 'avg', 'min', 'max', 'count', 'stddev', 'group'])} {clause}{inner()}"
    if roll < 0.8:
        return f"histogram_quantile({rng.choice([0.1, 0.5, 0.95])}, {_buckets(rng)})"
    matching = rng.choice(["", "on (instance, job) ", "ignoring (mode) ", "on (instance) group_left () "])
    operator = rng.choice(OPERATORS)
    if operator in {"and", "or", "unless"}:
        matching = matching.removesuffix("group_left () ")
    return f"{inner()} {operator} {matching}{inner()}"


def _over_range(rng: random.Random) -> str:
    function, selector = rng.choice(RANGE_FUNCTIONS), _selector(rng)
    if function in {"rate", "increase"}:
        selector = f"demo_cpu_usage_seconds_total{selector[selector.find('{') :] if '{' in selector else ''}"
    step = f":{rng.choice(['13s', '41s'])}" if rng.random() < 0.2 else ""
    return f"{function}({selector}[{rng.choice(['31s', '2m', '7m'])}{step}]{_moved(rng)})"


def _selector(rng: random.Random) -> str:
    name = rng.choice(["demo_cpu_usage_seconds_total", "demo_memory_usage_bytes", "demo_num_cpus"])
    name = rng.choice([name, name, "demo_intermittent_metric", "demo_api_request_duration_seconds_count"])
    return name + rng.choice(["", '{mode="idle"}', '{type=~"free|used"}', '{instance!="demo:10001"}', '{nope=""}'])


def _moved(rng: random.Random) -> str:
    return rng.choice(["", "", "", " offset 77s", " offset -3m", " @ end()", " @ start()"])


def _buckets(rng: random.Random) -> str:
    return rng.choice(
        [
            "rate(demo_api_request_duration_seconds_bucket[3m])",
            "sum by (le, method) (rate(demo_api_request_duration_seconds_bucket[2m]))",
            "demo_api_request_duration_seconds_bucket",
        ]
    )
