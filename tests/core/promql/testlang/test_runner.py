from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest

from narthex.model.histogram import parse_histogram, same
from narthex.model.labels import Labels
from narthex.model.labeltable import LabelTable
from narthex.model.sample import STALE_NAN
from narthex.promql.engine import Engine
from narthex.promql.parser import parse
from narthex.promql.printer import to_text
from narthex.promql.testlang.compare import close, equals
from narthex.promql.testlang.loading import load_into
from narthex.promql.testlang.reader import read_script
from narthex.promql.testlang.rewrite import pinned
from narthex.promql.testlang.runner import run_script
from narthex.promql.testlang.script import Clear, Eval, Load, ScriptError
from narthex.promql.value import InstantVector, QueryResult
from narthex.testing.storage import MemoryStorage


@contextmanager
def memory():
    storage = MemoryStorage()
    yield storage, Engine(storage)


def run(text: str):
    return list(run_script(read_script(text, "t.test"), memory))


def test_commands_carry_their_lines():
    script = read_script("load 5m\n  x 1\n\n# note\nclear\neval instant at 0 x\n  x 1\n")
    assert [(type(one), one.line) for one in script.commands] == [(Load, 1), (Clear, 5), (Eval, 6)]


def test_a_comment_line_ends_a_block():
    with pytest.raises(ScriptError, match=r"^t\.test:4: invalid command"):
        read_script("load 5m\n  x 1\n# note\n  y 1\n", "t.test")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("load\n", 1),
        ("load 1x\n", 1),
        ("load 1m\n  up{a=} 1\n", 2),
        ("load 1m\n  up 1+1\n", 2),
        ("eval instant at 0 sum(\n", 1),
        ("eval sometimes x\n", 1),
        ("eval instant at 0 x\n  x 1 2\n", 2),
        ("eval range from 0 to 1m step 1m x\n  x 1 2 3\n", 2),
        ("eval instant at 0 x\n  expect no_warn\n  expect warn\n", 3),
        ("eval instant at 0 x\n  expect fail\n  expect fail msg: no\n", 3),
        ("eval instant at 0 x\n  expect warn regex: [\n", 2),
        ("eval instant at 0 x\n  expect fail msg:\n", 2),
        ("eval instant at 0 x\n  expect fail soon\n", 2),
        ("eval instant at 0 x\n  expect 1\n", 2),
    ],
)
def test_a_broken_script_names_file_and_line(text, line):
    with pytest.raises(ScriptError, match=rf"^t\.test:{line}: "):
        read_script(text, "t.test")


def test_results_are_compared_and_differences_described():
    outcomes = run(
        'load 1m\n  up{job="a"} 1 2 3\n  up{job="b"} 4\n\n'
        'eval instant at 2m up{job="a"}\n  up{job="a"} 3\n\n'
        'eval instant at 2m up{job="a"}\n  up{job="a"} 4\n\n'
        'eval range from 0 to 2m step 1m sum(up{job="a"})\n  {} 1 2 3\n'
    )
    assert [(one.line, one.status) for one in outcomes] == [(5, "passed"), (8, "failed"), (11, "passed")]
    assert str(outcomes[1]) == 't.test:8: up{job="a"}: expected 4 for {__name__="up", job="a"} but got 3'


def test_clear_forgets():
    outcomes = run("load 1m\n  x 1\n\nclear\neval instant at 0 x\n")
    assert [one.status for one in outcomes] == ["passed"]


def test_classic_histograms_are_loaded_as_native_ones_too():
    storage = MemoryStorage()
    text = (
        'load_with_nhcb 1m\n  h_bucket{le="1"} 2 3 _ stale\n  h_bucket{le="+Inf"} 5 6 _ stale\n  h_count 5 6 _ stale\n'
        '  h_sum 7 8\n  other_bucket{le="x"} 1\n  plain 1\n'
    )
    (load,) = read_script(text).commands
    load_into(storage, load)
    ((labels, samples),) = storage.histograms().items()
    assert str(labels) == '{__name__="h"}'
    assert [when for when, _ in samples] == [0, 60_000]
    expected = parse_histogram("{{schema:-53 count:5 sum:7 custom_values:[1] buckets:[2 3]}}")
    assert same(samples[0][1], expected)
    assert len(storage.samples(name="h_bucket")) == 2
    assert [when for when, _ in storage.samples(name="h")[labels]] == [180_000]


def test_start_timestamps_are_loaded_beside_numbers_and_histograms():
    storage = MemoryStorage()
    text = "load 1m\n  x@st _ -1s _\n  x 1 2 3\n  h@st _ -1m\n  h _ {{count:1}}\n"
    (load,) = read_script(text).commands
    load_into(storage, load)
    assert [one for ones in storage.starts(name="x").values() for one in ones] == [(60_000, 59_000)]
    assert [when for ones in storage.samples(name="x").values() for when, _ in ones] == [0, 60_000, 120_000]
    assert [when for ones in storage.histograms(name="h").values() for when, _ in ones] == [60_000]


def test_hints_count_where_they_are_written():
    storage = MemoryStorage()
    text = "load 1m\n  x {{count:1}}x1\n\neval instant at 1m x\n  x {}\n"
    for written, status in (
        ("{{count:1}}", "passed"),
        ("{{count:1 counter_reset_hint:not_reset}}", "passed"),
        ("{{count:1 counter_reset_hint:unknown}}", "failed"),
    ):
        (line,) = read_script(text.replace("{}", written)).evals[0].expected.series
        load_into(storage, read_script(text.replace("{}", written)).commands[0])
        got = storage.histograms(name="x")[Labels({"__name__": "x"})][1][1]
        assert equals(line.values[0], got, hinted=0 in line.hinted) == (status == "passed")
        storage = MemoryStorage()


class Forgetful:
    """An engine whose range queries answer otherwise than its instant queries."""

    def instant(self, expr, time):
        return QueryResult(InstantVector(LabelTable.of([Labels({"a": "b"})]), np.array([1.0]), time))

    def range(self, expr, start, end, step):
        raise AssertionError("boom")


def test_variations_of_an_evaluation_are_tried_and_a_broken_engine_fails_it():
    @contextmanager
    def setup():
        yield MemoryStorage(), Forgetful()

    script = read_script('eval instant at 0 x\n  {a="b"} 1\n')
    assert [one.reason for one in run_script(script, setup)] == ["engine raised AssertionError: boom"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x + sum_over_time(y[5m:1m] @ 3)", "x @ 60.000 + sum_over_time(y[5m:1m] @ 3.000)"),
        ("rate(x[5m])", "rate(x[5m] @ 60.000)"),
        ("max_over_time(rate(x[5m])[1h:])", "max_over_time(rate(x[5m])[1h:] @ 60.000)"),
    ],
)
def test_selectors_are_pinned_outside_of_subqueries(text, expected):
    assert to_text(pinned(parse(text), 60_000)) == expected


def test_numbers_are_close_within_a_millionth():
    assert close(1.0, 1.0000001)
    assert not close(1.0, 1.00001)
    assert close(float("nan"), float("nan"))
    assert not close(float("nan"), 1.0)
    assert close(STALE_NAN, STALE_NAN)
    assert not close(float("nan"), STALE_NAN)
    assert close(0.0, -0.0)
    assert not close(0.0, 1e-9)
    assert close(float("inf"), float("inf"))
    assert close(1.7e308, 1.7e308 * (1 + 1e-9))
