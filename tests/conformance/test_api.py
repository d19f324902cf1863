"""The ``api`` suite: number formatting, parameters, and the endpoints over loaded data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.conformance.cases import decoded, histogram_of, params

from narthex.model.labeltable import LabelTable
from narthex.model.number import format_value
from narthex.promql.value import RangeVector
from narthex.web.encode import encode_value, time_text
from narthex.web.params import parse_duration, parse_time


@pytest.mark.parametrize("case", params("api/json_encoding.json"))
def test_values_are_written_as_prometheus_writes_them(case: dict[str, Any]) -> None:
    value = case["value"]
    if value["type"] == "point":
        data = f'[{time_text(value["t_ms"])},"{format_value(decoded(value["v"]))}"]'.encode()
    else:
        data = encode_value(_matrix(value["result"]))
    assert b'{"status":"success","data":' + data + b"}" == case["json"].encode()


def _matrix(result: list[Any]) -> RangeVector:
    points = [[*one.get("points", []), *one.get("histograms", [])] for one in result]
    flat = [point for one in points for point in one]
    held = np.array([histogram_of(point["histogram"]) if "histogram" in point else None for point in flat], np.object_)
    return RangeVector(
        LabelTable.of([one["metric"] for one in result]),
        np.cumsum([0, *map(len, points)]),
        np.array([point["t_ms"] for point in flat], dtype=np.int64),
        np.array([decoded(point.get("v", 0.0)) for point in flat], dtype=np.float64),
        held if (held != None).any() else None,  # noqa: E711 - element by element
    )


@pytest.mark.parametrize("case", params("api/parameters.json", kind="time"))
def test_times_are_read_as_prometheus_reads_them(case: dict[str, Any]) -> None:
    if case["valid"]:
        assert parse_time(case["input"]) == case["unix_ms"]
    else:
        with pytest.raises(ValueError, match="cannot parse"):
            parse_time(case["input"])


@pytest.mark.parametrize("case", params("api/parameters.json", kind="duration"))
def test_durations_are_read_as_prometheus_reads_them(case: dict[str, Any]) -> None:
    if case["valid"]:
        assert parse_duration(case["input"]) == case["ms"]
    else:
        with pytest.raises(ValueError, match="cannot parse"):
            parse_duration(case["input"])
