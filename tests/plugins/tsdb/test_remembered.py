"""What the storage remembers of selections, and when it forgets."""

from __future__ import annotations

import numpy as np
import pytest

from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchOp
from narthex.promql.engine.latest import latest
from narthex.storage.frames import LateFrames, Points, Selection
from narthex.storage.protocol import Batch
from narthex_plugins.tsdb.remembered import Remembered

UP = (Matcher(MatchOp.EQUAL, "__name__", "up"),)
X = (Matcher(MatchOp.EQUAL, "__name__", "x"),)


class Finder:
    def __init__(self, count):
        self.count = count
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return np.arange(self.count)


def test_a_selection_is_found_once_in_a_generation():
    remembered, find = Remembered(), Finder(3)
    for _ in range(2):
        assert remembered.get(UP, 1, find).refs.tolist() == [0, 1, 2]
    assert find.calls == 1
    remembered.get(UP, 2, find)
    assert find.calls == 2


def test_the_least_used_selections_are_forgotten_first():
    remembered, first, second, third = Remembered(most=5), Finder(2), Finder(2), Finder(3)
    remembered.get(UP, 1, first)
    remembered.get(X, 1, second)
    remembered.get(UP, 1, first)
    remembered.get((), 1, third)  # now there is too much: x goes
    remembered.get(UP, 1, first)
    remembered.get(X, 1, second)
    assert (first.calls, second.calls) == (1, 2)


def test_what_is_larger_than_all_room_is_not_kept():
    remembered, find = Remembered(most=2), Finder(3)
    assert len(remembered.get(UP, 1, find).refs) == 3
    remembered.get(UP, 1, find)
    assert find.calls == 2


def test_new_series_are_selected_at_once(in_memory):
    storage = in_memory()
    lane = storage.open_lane(1000, 0)
    for count in range(1, 4):
        lane.extend(storage.register([Labels({"__name__": "up", "instance": str(count)})]))
        storage.append(Batch(lane, count * 1000, np.ones(count)))
        found = storage.select(UP, 0, 10_000)
        assert sorted(one["instance"] for one in found.labels.all_labels()) == [str(i + 1) for i in range(count)]
        assert found.frames[0].window(0, 1).shape[1] == count


@pytest.mark.parametrize("series", [1, 30])
def test_older_rows_are_not_looked_at_for_the_newest_samples(in_memory, series):
    storage = in_memory()
    lane = storage.open_lane(1000, 0)
    lane.extend(storage.register([Labels({"__name__": "up", "instance": str(one)}) for one in range(series)]))
    for second in range(1, 301):  # several slabs
        storage.append(Batch(lane, second * 1000, np.full(series, float(second))))
    frames = storage.select(UP, 0, 300_000).frames
    assert isinstance(frames, LateFrames)
    made = []
    counted = [Counted(source, made) for source in frames.sources]
    selection = storage.select(UP, 0, 300_000)
    found = latest(Selection(selection.labels, LateFrames(counted), Points.none()), np.array([300_000]), 300_000)
    assert found.values.tolist() == [[300.0] * series]
    assert len(made) == 1 < len(counted)
    assert len(LateFrames(counted)) == len(selection.frames)


class Counted:
    """A source that says when it is looked into."""

    def __init__(self, source, made):
        self.newest = source.newest
        self._source, self._made = source, made

    def frames(self):
        self._made.append("frames")
        return self._source.frames()

    def pieces(self):
        self._made.append("pieces")
        return self._source.pieces()
