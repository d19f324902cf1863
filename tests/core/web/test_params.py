from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict

from narthex.web.params import (
    MAX_TIME,
    MIN_TIME,
    BadParameterError,
    boolean,
    limit,
    matcher_sets,
    number,
    parse_duration,
    parse_time,
    window,
)


@pytest.mark.parametrize(
    "text",
    ["", "nan", "inf", "1e300", "-1e300", "1__000", " 1", "٣", "2020-13-01T00:00:00Z", "2020-01-01t00:00:00z", "now"],
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


def test_a_window_may_be_open_or_hold_nothing() -> None:
    assert window({"start": "1", "end": "2.5"}) == (1000, 2500)
    assert window({"start": "2", "end": "1"}) == (2000, 1000)
    assert window({}) == (MIN_TIME, MAX_TIME)
    bounds = {"start": "-292273086-05-16T16:47:06Z", "end": "292277025-08-18T07:12:54.999999999Z"}
    assert window(bounds) == (MIN_TIME, MAX_TIME)


def test_a_time_that_is_none_is_told_as_prometheus_tells_it() -> None:
    with pytest.raises(BadParameterError) as caught:
        window({"start": "x"})
    assert str(caught.value) == (
        'invalid parameter "start": Invalid time value for \'start\': cannot parse "x" to a valid timestamp'
    )


@pytest.mark.parametrize(("text", "count"), [("", 0), ("0", 0), ("-1", 0), ("7", 7)])
def test_metadata_counts_may_be_negative(text: str, count: int) -> None:
    assert number({"limit": text}, "limit") == count


def test_metadata_counts_are_numbers() -> None:
    with pytest.raises(BadParameterError, match=r"^limit must be a number$"):
        number({"limit": "x"}, "limit")


@pytest.mark.parametrize(
    ("named", "prefix"), [(True, 'invalid parameter "match[]": '), (False, "")], ids=["named", "plain"]
)
def test_a_selector_of_everything_is_refused(named: bool, prefix: str) -> None:
    with pytest.raises(BadParameterError) as caught:
        matcher_sets(MultiDict([("match[]", "{}")]), named=named)
    assert str(caught.value) == f"{prefix}match[] must contain at least one non-empty matcher"


@pytest.mark.parametrize("text", ["up offset 5m", "up @ 1", "up[5m]", "sum(up)", "{}", '{job=~".*"}', "up{", "1"])
def test_only_plain_selectors_select_series(text: str) -> None:
    with pytest.raises(BadParameterError, match=r"match\[\]"):
        matcher_sets(MultiDict([("match[]", "up"), ("match[]", text)]))
