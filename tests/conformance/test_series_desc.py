"""Series descriptions of the test language, with native histograms as values."""

from __future__ import annotations

from typing import Any

import pytest
from tests.conformance.cases import decoded, histogram_of, params

from narthex.model.histogram import Histogram, NotationError, format_histogram, same
from narthex.promql.testlang.series import parse_series

SERIES = [one for one in params("promqlparse/series_desc.json") if "histfmt-" not in (one.id or "")]
FORMATS = [one for one in params("promqlparse/series_desc.json") if "histfmt-" in (one.id or "")]


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, Histogram) and isinstance(other, Histogram):
        return same(one, other) and one.hint is other.hint
    return bool(one == other)


def value(found: Any) -> Any:
    return histogram_of(found["histogram"]) if isinstance(found, dict) else decoded(found)


@pytest.mark.parametrize("case", SERIES)
def test_a_series_description_is_read(case: dict[str, Any]) -> None:
    if not case["valid"]:
        with pytest.raises(NotationError):
            parse_series(case["input"])
        return
    series = parse_series(case["input"])
    assert dict(series.labels) == case.get("labels", {})
    expected = [value(one) for one in case["values"]]
    assert len(series.values) == len(expected)
    assert all(map(equal, series.values, expected))


@pytest.mark.parametrize("case", [one for one in SERIES if (one.values[0] or {}).get("error_contains")])
def test_a_broken_description_is_explained(case: dict[str, Any]) -> None:
    with pytest.raises(NotationError) as caught:
        parse_series(case["input"])
    assert case["error_contains"] == f"parse error: {caught.value}"


@pytest.mark.parametrize("case", [one for one in SERIES if (one.values[0] or {}).get("error")])
def test_a_broken_histogram_is_explained_with_its_place(case: dict[str, Any]) -> None:
    with pytest.raises(NotationError) as caught:
        parse_series(case["input"])
    assert case["error"] == f"1:{caught.value.at + 1}: parse error: {caught.value}"


@pytest.mark.parametrize("case", FORMATS)
def test_a_histogram_prints_as_a_test_expression(case: dict[str, Any]) -> None:
    assert format_histogram(histogram_of(case["histogram"])) == case["test_expression"]
