"""API answers as text: the form that promtool prints, so that scripts reading it go on working."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from narthex.model.labels import quote

__all__ = ["as_json", "plan_lines", "query_lines", "series_lines"]

_BRACKETS = ("(]", "[)", "()", "[]")  # by the boundary rule of a native histogram's bucket


def as_json(data: Any) -> str:
    """The data as one line of JSON."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def query_lines(data: Mapping[str, Any]) -> Iterator[str]:
    """The result of an instant or a range query."""
    kind, result = data["resultType"], data["result"]
    if kind == "scalar":
        yield f"scalar: {_point(result)}"
    elif kind == "string":
        yield str(result[1])
    elif kind == "vector":
        for series in result:
            yield f"{_metric(series['metric'])} => {_point(series.get('value') or series['histogram'])}"
    else:
        for series in result:
            yield f"{_metric(series['metric'])} =>"
            samples = [*series.get("values", ()), *series.get("histograms", ())]
            yield from map(_point, sorted(samples, key=lambda sample: float(sample[0])))


def series_lines(data: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """Label sets, each with its metric name among the labels."""
    return (_braces(labels) for labels in data)


def plan_lines(data: Mapping[str, Any]) -> Iterator[str]:
    """The plan of a query as a table: a line for each node, indented below the node that uses it."""
    yield f"{'total':>10} {'own':>10} {'series':>9} {'samples':>10}  node"
    yield from _node_lines(data["plan"], 0)
    yield f"{data['steps']} steps, {data['samples']} samples read, {data['peakSamples']} held at most"


def _node_lines(node: Mapping[str, Any], depth: int) -> Iterator[str]:
    times = (f"{node[key] * 1000:7.2f} ms" for key in ("seconds", "ownSeconds"))
    yield f"{' '.join(times)} {node['series']:9} {node['samples']:10}  {'  ' * depth}{node['node']}"
    for child in node["children"]:
        yield from _node_lines(child, depth + 1)


def _metric(labels: Mapping[str, str]) -> str:
    """``name{label="value"}``, as an expression would select it."""
    name = labels.get("__name__", "")
    rest = {label: value for label, value in labels.items() if label != "__name__"}
    return f"{name}{_braces(rest)}" if rest or not name else name


def _braces(labels: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{name}={quote(labels[name])}" for name in sorted(labels)) + "}"


def _point(sample: Sequence[Any]) -> str:
    time, value = sample
    when = f"{float(time):.3f}".rstrip("0").rstrip(".")
    return f"{value if isinstance(value, str) else _histogram(value)} @[{when}]"


def _histogram(value: Mapping[str, Any]) -> str:
    """A native histogram: count, sum and every bucket with its bounds."""
    buckets = [
        f"{_BRACKETS[rule][0]}{low},{high}{_BRACKETS[rule][1]}:{count}"
        for rule, low, high, count in value.get("buckets", ())
    ]
    return "{" + ", ".join([f"count:{value['count']}", f"sum:{value['sum']}", *buckets]) + "}"
