"""What every storage must do, as tests to inherit.

Give a subclass a fixture ``make`` that returns a function: each call builds a storage on the *same* data, so that the
restart tests can stop one and start the next. A storage that keeps nothing sets ``durable = False``::

    class TestMyStorage(StorageContract):
        @pytest.fixture
        def make(self, tmp_path):
            return lambda: MyStorage(tmp_path)
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from narthex.errors import StorageError
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchOp
from narthex.model.sample import MISSING, MISSING_BITS, STALE_NAN, STALE_NAN_BITS
from narthex.storage.frames import NO_TIME, Points
from narthex.storage.protocol import Batch, Lane, Storage

__all__ = ["StorageContract", "samples"]

T0 = 1_700_000_000_000
STEP = 15_000

Found = dict[Labels, list[tuple[int, int]]]


def samples(storage: Storage, matchers: Sequence[Matcher] = (), start: int = 0, end: int = 1 << 53) -> Found:
    """What ``select`` answers, cut to the window: by labels ``(time, bits of the value)`` in order of time."""
    selection = storage.select(matchers, start, end)
    found: dict[int, dict[int, int]] = {row: {} for row in range(selection.labels.rows)}
    for frame in selection.frames:
        window = frame.window(0, len(frame.times)).copy().view(np.int64)
        for at, series in enumerate(frame.series.tolist()):
            times = frame.times[:, frame.group[at]]
            present = times[times != NO_TIME]
            assert (np.diff(present) > 0).all(), "times of a group ascend"
            for row in np.flatnonzero((times != NO_TIME) & (window[:, at] != MISSING_BITS)).tolist():
                found[series][int(times[row])] = int(window[row, at])
    points = selection.points
    order = np.lexsort((points.times, points.series))
    assert (order == np.arange(len(order))).all(), "points are sorted by series and time"
    for series, time, bits in zip(points.series, points.times, points.values.view(np.int64), strict=True):
        found[int(series)][int(time)] = int(bits)
    labels = selection.labels.all_labels()
    cut = {row: sorted((t, bits) for t, bits in one.items() if start <= t <= end) for row, one in found.items()}
    return {labels[row]: one for row, one in cut.items() if one}


def equal(name: str, value: str) -> Matcher:
    """``name="value"``."""
    return Matcher(MatchOp.EQUAL, name, value)


def bits(*values: float | np.float64) -> list[int]:
    """Values as ``samples`` shows them."""
    return [int(one) for one in np.array(values, dtype=np.float64).view(np.int64)]


def family(count: int, **more: str) -> list[Labels]:
    """Label sets that differ in ``i``."""
    return [Labels({"__name__": "m", "i": str(i), **more}) for i in range(count)]


def row(lane: Lane, time: int, *values: float | np.float64, points: Points | None = None) -> Batch:
    """A batch."""
    return Batch(lane, time, np.array(values, dtype=np.float64), points)


def points_of(*entries: tuple[int, int, float]) -> Points:
    """Points from ``(reference, time, value)``."""
    refs, times, values = zip(*entries, strict=True)
    return Points(np.array(refs, np.int64), np.array(times, np.int64), np.array(values, np.float64))


class StorageContract:
    """Inherit, give ``make``, and pytest does the rest."""

    durable = True

    @pytest.fixture
    def make(self) -> Callable[[], Storage]:
        """A function that builds a storage; override."""
        raise NotImplementedError

    @pytest.fixture
    async def storage(self, make: Callable[[], Storage]) -> AsyncIterator[Storage]:
        """A storage that is started."""
        storage = make()
        await storage.start()
        yield storage
        await storage.stop()

    def lane(self, storage: Storage, labels: Sequence[Labels], phase: int = 0) -> tuple[Lane, NDArray[np.int64]]:
        """A lane with these series."""
        refs = storage.register(labels)
        lane = storage.open_lane(STEP, phase)
        lane.extend(refs)
        return lane, refs

    async def test_the_same_labels_have_the_same_reference(self, storage: Storage) -> None:
        """Identity is the label set."""
        one, two = Labels({"__name__": "a"}), Labels({"__name__": "a", "x": "y"})
        first = storage.register([one, two, one])
        assert first[0] == first[2] != first[1]
        assert storage.register([two, one]).tolist() == [first[1], first[0]]

    async def test_rows_come_back_with_their_times(self, storage: Storage) -> None:
        """Many more rows than one block holds."""
        lane, _ = self.lane(storage, family(3))
        for step in range(300):
            assert storage.append(row(lane, T0 + step * STEP, step, step + 0.5, 7.0)).stored == 3
        found = samples(storage, [equal("i", "1")])
        expected = [(T0 + step * STEP, bits(step + 0.5)[0]) for step in range(300)]
        assert found == {family(3)[1]: expected}

    async def test_a_window_is_answered_whole(self, storage: Storage) -> None:
        """Both ends belong to the window."""
        lane, _ = self.lane(storage, family(1), phase=4321)
        times = [T0 + 4321 + step * STEP for step in range(200)]
        for time in times:
            storage.append(row(lane, time, 1.0))
        for start, end in ((times[3], times[5]), (times[3] + 1, times[5] - 1), (times[150], times[199]), (0, times[0])):
            found = samples(storage, start=start, end=end)
            assert [time for time, _ in found.get(family(1)[0], [])] == [t for t in times if start <= t <= end]

    async def test_missing_cells_are_no_samples_and_stale_ones_are(self, storage: Storage) -> None:
        """The two markers are told apart by their bits."""
        lane, _ = self.lane(storage, family(2))
        assert storage.append(row(lane, T0, 1.0, MISSING)).stored == 1
        assert storage.append(row(lane, T0 + STEP, STALE_NAN, 2.0)).stored == 2
        found = samples(storage)
        assert found[family(2)[0]] == [(T0, bits(1.0)[0]), (T0 + STEP, STALE_NAN_BITS)]
        assert found[family(2)[1]] == [(T0 + STEP, bits(2.0)[0])]

    async def test_columns_added_later_have_no_earlier_samples(self, storage: Storage) -> None:
        """A lane grows between rows."""
        lane, _ = self.lane(storage, family(2))
        storage.append(row(lane, T0, 1.0, 2.0))
        lane.extend(storage.register(family(4)[2:]))
        assert lane.width == 4
        storage.append(row(lane, T0 + STEP, 3.0, 4.0, 5.0, 6.0))
        assert samples(storage, [equal("i", "3")]) == {family(4)[3]: [(T0 + STEP, bits(6.0)[0])]}

    async def test_the_callers_array_is_copied(self, storage: Storage) -> None:
        """The caller may use its array again."""
        lane, _ = self.lane(storage, family(1))
        values = np.array([1.0])
        storage.append(Batch(lane, T0, values))
        values[0] = 2.0
        assert samples(storage)[family(1)[0]] == [(T0, bits(1.0)[0])]

    async def test_points_keep_their_own_times(self, storage: Storage) -> None:
        """Points may be older than the row they come with."""
        lane, refs = self.lane(storage, family(2))
        own = points_of((int(refs[1]), T0 - 7, 5.0), (int(refs[1]), T0 - 3, 6.0))
        assert storage.append(row(lane, T0, 1.0, MISSING, points=own)).stored == 3
        assert samples(storage, [equal("i", "1")])[family(2)[1]] == [(T0 - 7, bits(5.0)[0]), (T0 - 3, bits(6.0)[0])]

    async def test_repeated_points_are_accepted_others_refused_by_reason(self, storage: Storage) -> None:
        """Prometheus's rules of acceptance."""
        lane, refs = self.lane(storage, family(2))
        ref = int(refs[0])
        storage.append(row(lane, T0, MISSING, 1.0, points=points_of((ref, T0, 1.0))))
        again = points_of((ref, T0, 1.0), (ref, T0, 2.0), (ref, T0 - 1, 3.0))
        result = storage.append(row(lane, T0 + STEP, MISSING, 1.0, points=again))
        assert (result.duplicate, result.out_of_order) == (1, 1)
        assert samples(storage)[family(2)[0]] == [(T0, bits(1.0)[0])]

    async def test_two_lanes_may_hold_one_series(self, storage: Storage) -> None:
        """Two targets that expose the same series."""
        first, _ = self.lane(storage, family(1))
        second, _ = self.lane(storage, family(1), phase=5000)
        storage.append(row(first, T0, 1.0))
        storage.append(row(second, T0 + 5000, 2.0))
        storage.append(row(first, T0 + STEP, 3.0))
        assert [time for time, _ in samples(storage)[family(1)[0]]] == [T0, T0 + 5000, T0 + STEP]

    async def test_a_series_moves_from_lane_to_lane(self, storage: Storage) -> None:
        """A target that moved."""
        first, _ = self.lane(storage, family(1))
        storage.append(row(first, T0, 1.0))
        first.close()
        first.close()
        second, _ = self.lane(storage, family(1), phase=5000)
        storage.append(row(second, T0 + 5000, 2.0))
        storage.append(row(second, T0 + 5000 + STEP, 3.0))
        times = [time for time, _ in samples(storage)[family(1)[0]]]
        assert times == [T0, T0 + 5000, T0 + 5000 + STEP]

    async def test_a_row_of_the_wrong_width_is_refused_whole(self, storage: Storage) -> None:
        """A row fits its lane or is not taken at all."""
        lane, _ = self.lane(storage, family(2))
        with pytest.raises((StorageError, AssertionError)):  # a storage for tests may assert
            storage.append(row(lane, T0, 1.0))
        assert samples(storage) == {}

    async def test_matchers_decide(self, storage: Storage) -> None:
        """All operators, and labels that are absent."""
        labels = [
            Labels({"__name__": "a", "x": "1"}),
            Labels({"__name__": "a", "x": "12"}),
            Labels({"__name__": "b", "y": "1"}),
        ]
        lane, _ = self.lane(storage, labels)
        storage.append(row(lane, T0, 1.0, 2.0, 3.0))
        cases = [
            ([equal("__name__", "a")], [0, 1]),
            ([equal("x", "")], [2]),
            ([equal("nothing", "")], [0, 1, 2]),
            ([equal("nothing", "1")], []),
            ([Matcher(MatchOp.NOT_EQUAL, "x", "1")], [1, 2]),
            ([Matcher(MatchOp.NOT_EQUAL, "x", "")], [0, 1]),
            ([Matcher(MatchOp.REGEX, "x", "1.")], [1]),
            ([Matcher(MatchOp.REGEX, "__name__", "a|b"), Matcher(MatchOp.NOT_REGEX, "x", ".+")], [2]),
            ([Matcher(MatchOp.NOT_REGEX, "__name__", "a")], [2]),
            ([Matcher(MatchOp.NOT_EQUAL, "__name__", "a"), equal("y", "1")], [2]),
        ]
        for matchers, expected in cases:
            assert set(samples(storage, matchers)) == {labels[i] for i in expected}, [str(one) for one in matchers]

    async def test_names_values_and_series(self, storage: Storage) -> None:
        """The metadata of the API."""
        lane, _ = self.lane(storage, [*family(2), Labels({"__name__": "other", "z": "9"})])
        storage.append(row(lane, T0, 1.0, 2.0, 3.0))
        window = T0 - STEP, T0 + STEP
        assert storage.label_names([], *window) == ["__name__", "i", "z"]
        assert storage.label_names([[equal("__name__", "other")]], *window) == ["__name__", "z"]
        assert storage.label_values("i", [], *window) == ["0", "1"]
        assert storage.label_values("i", [[equal("i", "1")]], *window) == ["1"]
        assert storage.label_values("absent", [], *window) == []
        assert storage.series([[equal("i", "1")], [equal("z", "9")]], *window) == [
            family(2)[1],
            Labels({"__name__": "other", "z": "9"}),
        ]
        assert storage.stats(10).series == 3

    async def test_a_restart_keeps_samples(self, make: Callable[[], Storage]) -> None:
        """What was stored before a clean stop is there after the start."""
        if not self.durable:
            pytest.skip("this storage keeps nothing")
        first = make()
        await first.start()
        lane, refs = self.lane(first, family(3))
        for step in range(150):
            own = points_of((int(refs[2]), T0 + step * STEP + 1, step))
            first.append(row(lane, T0 + step * STEP, step, 1.0, MISSING, points=own))
        before = samples(first)
        await first.stop()
        await first.stop()
        second = make()
        await second.start()
        try:
            assert samples(second) == before
            lane, _ = self.lane(second, family(3))
            second.append(row(lane, T0 + 150 * STEP, 1.0, 2.0, 3.0))
            assert sum(map(len, samples(second).values())) == sum(map(len, before.values())) + 3
        finally:
            await second.stop()

    async def test_stopping_without_start_is_harmless(self, make: Callable[[], Storage]) -> None:
        """A server that fails to start still stops its parts."""
        await make().stop()
