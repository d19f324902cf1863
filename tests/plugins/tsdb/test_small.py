"""Which selections the storage knows to be small."""

from __future__ import annotations

import numpy as np
import pytest

from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchOp
from narthex.storage.protocol import Batch, KnowsSmall
from narthex_plugins.tsdb.storage import Tsdb


@pytest.fixture
def storage(in_memory) -> Tsdb:
    storage = in_memory()
    lane = storage.open_lane(1000, 0)
    names = [Labels({"__name__": "up", "instance": str(i)}) for i in range(20)]
    lane.extend(storage.register([*names, Labels({"__name__": "one"})]))
    storage.append(Batch(lane, 5000, np.zeros(21)))
    return storage


def named(value, op=MatchOp.EQUAL):
    return Matcher(op, "__name__", value)


def instance(value, op=MatchOp.EQUAL):
    return Matcher(op, "instance", value)


@pytest.mark.parametrize("matchers", [[named("one")], [named("up"), instance("3")], [named("nothing")]])
def test_a_few_series_of_one_metric_by_equal_labels_are_small(storage, matchers):
    assert isinstance(storage, KnowsSmall)
    assert storage.is_small(matchers, 0, 10_000, 16)


@pytest.mark.parametrize(
    "matchers",
    [
        [named("up")],  # twenty series
        [named("on.", MatchOp.REGEX)],
        [instance("3")],
        [named("up"), instance("3", MatchOp.NOT_EQUAL)],
        [named("up"), instance("3", MatchOp.REGEX)],
    ],
)
def test_everything_else_is_not(storage, matchers):
    assert not storage.is_small(matchers, 0, 10_000, 100)


def test_the_reader_may_want_fewer(storage):
    assert not storage.is_small([named("one")], 0, 10_000, 0)
