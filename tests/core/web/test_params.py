from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict

from narthex.web.params import BadParameterError, boolean, limit, matcher_sets, parse_duration, parse_time, window


@pytest.mark.parametrize(
    "text", ["", "nan", "inf", "1e300", "-1e300", "1__000", " 1", "٣", "2020-13-01T00:00:00Z", "now"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot parse"):
        parse_time(text)


@pytest.mark.parametrize("text", ["", "nan", "inf", "1e300", "1__000", " 1", "5 m", "m"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot parse"):
        parse_duration(text)


@given(st.text(max_size=12))
def test_any_text_is_a_time_that_fits_or_refused(text: str) -> None:
    for parse in (parse_time, parse_duration):
        try:
            found = parse(text)
        except ValueError:
            continue
        assert abs(found) < 1 << 63


@pytest.mark.parametrize(("text", "count"), [("", 0), ("0", 0), ("7", 7), ("+7", 7)])
def test_a_limit_is_a_count(text: str, count: int) -> None:
    assert limit({"limit": text}) == count


@pytest.mark.parametrize("text", ["-1", "1.5", "1_0", "x", "9" * 30])
def test_other_limits_are_refused_by_name(text: str) -> None:
    with pytest.raises(BadParameterError, match='invalid parameter "limit"'):
        limit({"limit": text})


def test_switches_are_spelled_as_in_go() -> None:
    assert [boolean({"x": text}, "x") for text in ("1", "true", "T", "0", "False", "")] == [True] * 3 + [False] * 3
    with pytest.raises(BadParameterError, match="yes"):
        boolean({"x": "yes"}, "x")


def test_a_window_runs_forward() -> None:
    assert window({"start": "1", "end": "2.5"}) == (1000, 2500)
    with pytest.raises(BadParameterError, match="must not be before"):
        window({"start": "2", "end": "1"})


@pytest.mark.parametrize("text", ["up offset 5m", "up @ 1", "up[5m]", "sum(up)", "{}", '{job=~".*"}', "up{", "1"])
def test_only_plain_selectors_select_series(text: str) -> None:
    with pytest.raises(BadParameterError, match=r"match\[\]"):
        matcher_sets(MultiDict([("match[]", "up"), ("match[]", text)]))
