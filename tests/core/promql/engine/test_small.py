"""Which queries are answered on the event loop."""

from __future__ import annotations

import pytest

from narthex.promql.engine.query import Steps
from narthex.promql.engine.small import is_small, shape_of
from narthex.promql.parser import parse


class Knows:
    """A storage that finds every selection small, and remembers what it was asked."""

    def __init__(self, answer=True):
        self.answer = answer
        self.asked = []

    def is_small(self, matchers, start, end, series):
        self.asked.append((start, end, series))
        return self.answer


NOW = Steps.every(600_000, 600_000, 0)


def small(text, steps=NOW, storage=None):
    shape = shape_of(parse(text))
    return shape is not None and is_small(shape, steps, 300_000, storage or Knows())


@pytest.mark.parametrize("text", ["up", "1", "rate(x_total[5m])", "sum(up) / count(up)", "absent(up)"])
def test_a_query_of_small_selections_is_small(text):
    assert small(text)


@pytest.mark.parametrize(
    "text", ["a + b + c", "max_over_time(up[1h:1m])", "up offset 1w", "up @ 0", "rate(x_total[5m] offset 1w)"]
)
def test_what_takes_work_to_judge_is_not(text):
    assert not small(text)


def test_the_storage_has_the_last_word():
    assert not small("up", storage=Knows(answer=False))


def test_many_steps_are_not_small_and_fewer_leave_room_for_more_series():
    storage = Knows()
    assert not small("up", Steps.every(0, 600_000, 1000), storage)
    assert small("up", Steps.every(0, 400_000, 100_000), storage)
    assert small("up", NOW, storage)
    assert [series for _, _, series in storage.asked] == [800, 4000]


def test_the_storage_is_asked_for_everything_the_query_reaches():
    storage = Knows()
    assert small("up", storage=storage)
    assert small("rate(x_total[10m])", storage=storage)
    assert storage.asked == [(300_000, 600_000, 4000), (0, 600_000, 4000)]
