from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.cli.times import parse_step, parse_time


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_seconds(seconds):
    assert parse_time(repr(seconds)) == seconds


@given(st.datetimes(timezones=st.timezones()))
def test_rfc_3339_is_read_back(moment):
    assert parse_time(moment.isoformat()) == moment.timestamp()


@pytest.mark.parametrize("text", ["", "soon", "nan", "inf", "2023-13-01T00:00:00Z"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match=r"time|RFC 3339"):
        parse_time(text)


@pytest.mark.parametrize(("text", "seconds"), [("15", 15), ("0.5", 0.5), ("1m30s", 90), ("250ms", 0.25)])
def test_a_step_is_seconds_or_a_duration(text, seconds):
    assert parse_step(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-1", "nan", "5 minutes"])
def test_what_is_no_step_is_refused(text):
    with pytest.raises(ValueError, match=r"step|duration"):
        parse_step(text)
