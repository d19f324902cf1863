"""The ``api`` suite: number formatting, parameters, and the endpoints over loaded data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.conformance.cases import decoded, params

from narthex.model.labeltable import LabelTable
from narthex.model.number import format_value
from narthex.promql.value import RangeVector
from narthex.web.encode import encode_value, time_text
from narthex.web.params import parse_duration, parse_time


@pytest.mark.parametrize("case", params("api/json_encoding.json"))
def test_values_are_written_as_prometheus_writes_them(case: dict[str, Any]) -> None:
    value = case["value"]
    if any("histograms" in one for one in value.get("result", [])):
        pytest.xfail("later: native histograms")
    if value["type"] == "point":
        data = f'[{time_text(value["t_ms"])},"{format_value(decoded(value["v"]))}"]'.encode()
    else:
        data = encode_value(_matrix(value["result"]))
    assert b'{"status":"success","data":' + data + b"}" == case["json"].encode()


def _matrix(result: list[Any]) -> RangeVector:
    points = [one["points"] for one in result]
    return RangeVector(
        LabelTable.of([one["metric"] for one in result]),
        np.cumsum([0, *map(len, points)]),
        np.array([point["t_ms"] for one in points for point in one], dtype=np.int64),
        np.array([decoded(point["v"]) for one in points for point in one], dtype=np.float64),
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
