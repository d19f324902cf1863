import itertools
import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from narthex.errors import DiscoveryError
from narthex.testing.clock import FakeClock
from narthex_sd.exec.complaints import Complaints
from narthex_sd.exec.metrics import ExecMetrics
from narthex_sd.exec.output import LatestLine, Whole


def cut(text, places):
    """``text`` in pieces, as a pipe may hand it over."""
    edges = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return [text[begin:end] for begin, end in itertools.pairwise(edges)]


@given(st.binary(max_size=200), st.lists(st.integers(0, 1000), max_size=8))
def test_all_output_is_kept_however_it_arrives(text, places):
    whole = Whole(0)
    for piece in cut(text, places):
        whole.feed(piece)
    assert whole.take() == text


@given(st.lists(st.lists(st.integers(0, 9)), min_size=1), st.lists(st.integers(0, 1000), max_size=8))
async def test_the_newest_complete_line_is_read_however_it_arrives(lists, places):
    text = b"".join(json.dumps(one).encode() + b"\n" for one in lists)
    lines = LatestLine(0)
    for piece in cut(text + b"[incompl", places):
        lines.feed(piece)
    assert lines.news.is_set()
    assert json.loads(lines.take() or b"") == lists[-1]
    assert lines.take() is None
    assert not lines.news.is_set()


@pytest.mark.parametrize("kind", [Whole, LatestLine])
async def test_a_list_of_the_limits_size_is_too_long(kind):
    one = kind(10)
    one.feed(b"123456789")
    with pytest.raises(DiscoveryError, match="a list of 10 or more"):
        one.feed(b"0")


async def test_the_limit_is_for_each_line_not_for_all_of_them():
    lines = LatestLine(10)
    for _ in range(100):
        lines.feed(b"[1, 2]\n")
    assert lines.take() == b"[1, 2]"


async def test_empty_lines_say_nothing():
    lines = LatestLine(10)
    lines.feed(b"\n  \n")
    assert lines.take() is None


class Log(logging.LoggerAdapter):
    def process(self, msg, kwargs):
        return msg, kwargs  # as the supervisor's own, it keeps the fields that are given


@pytest.fixture
def complaints():
    registry, clock = CollectorRegistry(), FakeClock()
    log = Log(logging.getLogger("exec"))
    one = Complaints("/bin/inventory", log, clock, ExecMetrics(registry).stderr_lines)
    return one, clock, lambda: registry.get_sample_value("narthex_sd_exec_stderr_lines_total")


def test_lines_are_logged_under_the_programs_name(complaints, caplog):
    one, _, _ = complaints
    one.feed(b"cannot reach the data")
    one.feed(b"base\nno end of line \xff")
    one.end()
    assert [(record.program, record.line) for record in caplog.records] == [
        ("/bin/inventory", "cannot reach the database"),
        ("/bin/inventory", "no end of line \ufffd"),
    ]
    assert one.last == "no end of line \ufffd"


async def test_a_flood_is_counted_and_logged_in_parts_only(complaints, caplog):
    one, clock, counted = complaints
    one.feed(b"again\n" * 1000)
    assert len(caplog.records) == 20
    await clock.advance(3)
    one.feed(b"later\n" * 10)
    assert len(caplog.records) == 21
    assert (caplog.records[-1].line, caplog.records[-1].not_logged) == ("later", 980)
    assert counted() == 1010


def test_a_line_without_end_does_not_grow(complaints):
    one, _, _ = complaints
    for _ in range(1000):
        one.feed(b"x" * 1000)
    one.end()
    assert one.last == "x" * 500
