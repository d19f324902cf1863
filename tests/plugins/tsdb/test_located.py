"""Where series stand is remembered as long as it is true."""

from __future__ import annotations

import numpy as np
import pytest

from narthex_plugins.tsdb.located import Located, Place
from narthex_plugins.tsdb.slab import Slab

FOREVER = 1 << 40


class Watched(Slab):
    """A slab that counts how often it is asked where series stand."""

    asked = 0

    def places(self, refs):
        self.asked += 1
        return super().places(refs)


def slab(number: int = 1, width: int = 40) -> Watched:
    """A slab with two lanes of ten series each, and three rows; series 0 to 9 and 10 to 19."""
    made = Watched(number, 1000, 0, width)
    for lane, refs in enumerate((np.arange(10), np.arange(10, 20))):
        placement = made.place(refs)
        for row in range(3):
            made.write(placement, row, 1000 * row + 100 * lane + 1, refs + row / 10)
    return made


def samples(frames):
    """Times and values by series."""
    found: dict[int, list[tuple[int, float]]] = {}
    for frame in frames:
        values = np.take(frame.matrix, frame.columns, axis=1)
        for at, (series, group) in enumerate(zip(frame.series.tolist(), frame.group.tolist(), strict=True)):
            found.setdefault(series, []).extend(
                (time, value)
                for time, value in zip(frame.times[:, group].tolist(), values[:, at].tolist(), strict=True)
                if time
            )
    return found


def test_a_part_is_asked_once_as_long_as_nothing_moves():
    part, located = slab(), Located(np.array([3, 4, 12]))
    first = samples(located.frames(part, 0, FOREVER))
    assert first[2] == [(101, 12.0), (1101, 12.1), (2101, 12.2)]
    assert samples(located.frames(part, 0, FOREVER)) == first
    assert part.asked == 1


def test_groups_are_numbered_in_order_of_appearance():
    part = slab()
    (frame,) = Located(np.array([12, 15])).frames(part, 0, FOREVER)
    assert frame.group.tolist() == [0, 0]
    assert frame.times.tolist() == [[101], [1101], [2101]]


@pytest.mark.parametrize("count", [10, 5000], ids=["in the same matrix", "in another matrix"])
def test_series_that_are_placed_later_are_found(count):
    part, located = slab(), Located(np.array([3, 25]))
    assert set(samples(located.frames(part, 0, FOREVER))) == {0}
    refs = np.arange(20, 20 + count)
    part.write(part.place(refs), 2, 2500, refs * 1.0)
    assert samples(located.frames(part, 0, FOREVER))[1] == [(2500, 25.0)]
    assert part.asked == 2


def test_a_series_that_moved_to_another_lane_is_found_in_both():
    part, located = slab(), Located(np.array([3]))
    located.frames(part, 0, FOREVER)
    part.write(part.place(np.array([3])), 3, 3500, np.array([7.0]))
    assert samples(located.frames(part, 0, FOREVER))[0][-2:] == [(2001, 3.2), (3500, 7.0)]


def test_parts_that_hold_the_same_series_alike_share_arrays():
    located = Located(np.array([3, 4, 12]))
    (one,), (other,) = (located.frames(slab(number), 0, FOREVER) for number in (1, 2))
    assert one.series is other.series
    assert one.group is other.group


def test_the_newest_parts_are_remembered():
    parts, located = [slab(number) for number in range(1, 10)], Located(np.array([3]))
    for _ in range(2):
        for part in parts:
            located.frames(part, 0, FOREVER)
    assert [part.asked for part in parts] == [2, 2, 2, 1, 1, 1, 1, 1, 1]


def test_large_selections_keep_the_groups_they_have():
    lanes = np.repeat(np.array([5, 2], dtype=np.int32), 30_000)
    place = Place.of(np.arange(60_000), np.arange(60_000), lanes, 7)
    assert place.group[[0, -1]].tolist() == [5, 2]
    assert place.times(np.arange(7)[None, :]).tolist() == [[0, 1, 2, 3, 4, 5, 6]]
