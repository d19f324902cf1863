"""Active times after a restart."""

import numpy as np
import pytest

from narthex.model.labels import EMPTY, Labels
from narthex.model.labeltable import LabelTable
from narthex.model.sample import MISSING, STALE_NAN
from narthex.rules.alerting import ActiveAlert, State
from narthex.rules.restore import LastSeen, last_seen, restored, restored_active_at
from narthex.storage.frames import Frame, Points, Selection

MINUTE = 60_000
HOLD, GRACE = 30 * MINUTE, 10 * MINUTE


@pytest.mark.parametrize(
    ("active", "seen", "now", "expected"),
    [
        (0, 30, 40, 0),  # had already been due: fires at the next evaluation
        (0, 45, 50, 0),
        (0, 25, 40, 20),  # less than the grace period to go: fires in ten minutes
        (0, 10, 40, 30),  # went on where it stopped: ten minutes pending, thirty asleep
    ],
)
def test_active_time_in_minutes(active, seen, now, expected):
    last = LastSeen(active * MINUTE, seen * MINUTE)
    assert restored_active_at(last, now * MINUTE, HOLD, GRACE) == expected * MINUTE


def test_alerts_that_the_storage_does_not_know_keep_their_time():
    known, unknown = Labels({"a": "1"}), Labels({"a": "2"})
    alerts = {one: ActiveAlert(one, EMPTY, 1.0, State.PENDING, 40 * MINUTE) for one in (known, unknown)}
    after = restored(alerts, {known: LastSeen(0, 10 * MINUTE)}, 40 * MINUTE, HOLD, GRACE)
    assert [after[one].active_at for one in (known, unknown)] == [30 * MINUTE, 40 * MINUTE]


class Selecting:
    """Answers every selection with the same frames and points, and remembers what was asked."""

    def __init__(self, labels, frames=(), points=None):
        self.answer = Selection(LabelTable.of(labels), frames, points or Points.none())
        self.asked = []

    def select(self, matchers, start, end):
        self.asked = [str(one) for one in matchers]
        return self.answer


def series(name):
    return {"__name__": "ALERTS_FOR_STATE", "alertname": "A", "i": name}


def test_last_sample_of_each_series_counts_wherever_it_stands():
    frame = Frame(
        matrix=np.array([[0, 7.0, 5.0, 5.0], [0, 8.0, MISSING, STALE_NAN], [0, 9.0, MISSING, MISSING]]),
        columns=np.array([1, 2, 3]),
        series=np.array([0, 1, 2]),
        times=np.array([[100, 1000], [200, 2000], [300, 0]]),
        group=np.array([0, 1, 1]),
    )
    points = Points(np.array([3, 3, 0]), np.array([100, 150, 250]), np.array([1.0, 2.0, 3.0]))
    storage = Selecting([series(name) for name in "wxyz"], [frame], points)
    seen = last_seen(storage, "A", {"s": "x", "t": "{{ $value }}"}, 0, 5000)
    assert {labels["i"]: (one.active_at, one.time) for labels, one in seen.items()} == {
        "w": (9000, 300),
        "x": (5000, 1000),
        "z": (2000, 150),
    }
    assert storage.asked == ['__name__="ALERTS_FOR_STATE"', 'alertname="A"', 's="x"']
    assert all("__name__" not in labels for labels in seen)


def test_samples_outside_the_window_do_not_count():
    frame = Frame(np.array([[1.0], [2.0]]), np.array([0]), np.array([0]), np.array([[100], [200]]), np.array([0]))
    storage = Selecting([series("w")], [frame])
    assert [one.time for one in last_seen(storage, "A", {}, 0, 150).values()] == [100]
    assert last_seen(storage, "A", {}, 300, 400) == {}
    assert last_seen(Selecting([]), "A", {}, 0, 1) == {}
