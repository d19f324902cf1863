"""Each rule of storages is broken by one storage, caught and named; the one in memory keeps all."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from tests.core.testing.contracts.breaking import own_rules

from narthex import hookimpl
from narthex.errors import StorageError
from narthex.kinds import StorageKind
from narthex.model.sample import STALE_NAN_BITS
from narthex.storage.frames import Points, Selection
from narthex.storage.memory import MemoryStorage as Sound
from narthex.storage.protocol import Appended, Batch
from narthex.testing import storage as for_tests
from narthex.testing.contract import StorageContract
from narthex.testing.guards import Guards
from narthex.testing.rigs import RULES, StorageRig
from narthex.testing.running import try_rule
from narthex_plugins.memory import MemoryConfig

BY_ID = {rule.id: rule for rule in RULES["storage"]}


class Shelf(Sound):
    """Keeps everything in memory, and over restarts in the rig."""

    def __init__(self, kept):
        super().__init__()
        self.kept = kept
        own = self._refs, self._tracks, self._by_name, self._metadata
        self._refs, self._tracks, self._by_name, self._metadata = kept.setdefault("all", own)


class ShelfRig(StorageRig):
    plugin = SimpleNamespace(
        __name__="acme_shelf",
        narthex_storage_kinds=hookimpl(
            lambda: [StorageKind("shelf", MemoryConfig, lambda config, context: None, summary="A shelf")]
        ),
    )
    kind = "shelf"
    made = Shelf

    async def start(self):
        await super().start()
        self.kept = {}

    def build(self, config, context):
        return self.made(self.kept)


class TestWellBehaved(StorageContract):
    @pytest.fixture
    def rig(self):
        return ShelfRig()


class ForTestsRig(ShelfRig):
    durable = False

    def build(self, config, context):
        return for_tests.MemoryStorage()


class TestTheOneForTests(StorageContract):
    """The storage that other tests believe keeps the contract as well."""

    @pytest.fixture
    def rig(self):
        return ForTestsRig()


# --- storages that break a rule --------------------------------------------------------------------------------------


class Confused(Shelf):
    def register(self, labels):
        return np.arange(len(labels), dtype=np.int64)


class Forgetful(Shelf):
    """Keeps the newest hundred rows."""

    def append(self, batch):
        self.trimmed = [track.trim(track.times[-100]) for track in self._tracks if len(track.times) > 100]
        return super().append(batch)


class HalfOpen(Shelf):
    def select(self, matchers, start, end):
        return super().select(matchers, start, end - 1)


class NoMarkers(Shelf):
    """Takes the stale marker for no sample."""

    def append(self, batch):
        values = batch.values.copy()
        values[values.view(np.int64) == STALE_NAN_BITS] = np.nan
        return super().append(Batch(batch.lane, batch.timestamp, values, batch.points, batch.histograms))


class Backfilling(Shelf):
    """Answers with a sample for every series of the lane, wherever there was a row."""

    def select(self, matchers, start, end):
        found = super().select(matchers, start, end)
        extra = np.arange(found.labels.rows)
        series = np.concatenate([extra, found.points.series])
        times = np.concatenate([np.full(len(extra), 1_700_000_000_000), found.points.times])
        order = np.lexsort((times, series))
        values = np.concatenate([np.zeros(len(extra)), found.points.values])
        return Selection(found.labels, (), Points(series[order], times[order], values[order]), found.histograms)


class Borrowing(Shelf):
    """Looks at the caller's array when it is asked."""

    def append(self, batch):
        self.borrowed = batch
        return Appended(len(batch.values))

    def select(self, matchers, start, end):
        super().append(self.borrowed)
        return super().select(matchers, start, end)


class Restamping(Shelf):
    """Gives points the time of their row."""

    def append(self, batch):
        points = batch.points
        if points is not None:
            points = Points(points.series, np.full(len(points.times), batch.timestamp), points.values)
        return super().append(Batch(batch.lane, batch.timestamp, batch.values, points))


class Believing(Shelf):
    """Takes every point for a new one, as far as the counts tell."""

    def append(self, batch):
        result = super().append(batch)
        return Appended(result.stored + result.duplicate + result.out_of_order)


class OneLane(Shelf):
    """Believes that a series belongs to the first lane it came with."""

    def open_lane(self, interval, phase):
        lane = super().open_lane(interval, phase)
        lane.phase = phase
        return lane

    def append(self, batch):
        return super().append(batch) if batch.lane.phase == 0 else Appended()


class Padding(Shelf):
    def append(self, batch):
        missing = batch.lane.width - len(batch.values)
        return super().append(
            Batch(batch.lane, batch.timestamp, np.append(batch.values, [0.0] * missing), batch.points)
        )


class Late(Shelf):
    """Shows a row when the next one has come."""

    def append(self, batch):
        before, self.waiting = getattr(self, "waiting", None), batch
        return super().append(before) if before is not None else Appended(len(batch.values))


class Blind(Shelf):
    """Knows only matchers for equality."""

    def select(self, matchers, start, end):
        return super().select([one for one in matchers if one.op.value == "="], start, end)


class Unsorted(Shelf):
    def label_values(self, name, matchers, start, end):
        return super().label_values(name, matchers, start, end)[::-1]


class NoHistograms(Shelf):
    def append(self, batch):
        return super().append(Batch(batch.lane, batch.timestamp, batch.values, batch.points))


class NoStarts(Shelf):
    def append(self, batch):
        points = batch.points and Points(batch.points.series, batch.points.times, batch.points.values)
        return super().append(Batch(batch.lane, batch.timestamp, batch.values, points, batch.histograms))


class Fleeting(Shelf):
    """Loses everything."""

    def __init__(self, kept):
        super().__init__({})


class FleetingHistograms(Shelf):
    """Loses the histograms."""

    async def stop(self):
        for track in self._tracks:
            track.histograms.clear()


class Repeating(Shelf):
    """Says for each target what it says, however often that is the same."""

    def metadata(self, metric=""):
        return {name: several * 2 for name, several in super().metadata(metric).items()}


class FleetingMetadata(Shelf):
    """Loses the metadata."""

    async def stop(self):
        self._metadata._entries.clear()


class Touchy(Shelf):
    running = False

    async def start(self):
        self.running = True

    async def stop(self):
        if not self.running:
            raise StorageError("was never started")


BREAKERS = [
    ("storage/identity", Confused, "references [0, 1, 2] for the label sets a, b, a"),
    ("storage/rows", Forgetful, "samples of a series: expected"),
    ("storage/window", HalfOpen, "times in"),
    ("storage/markers", NoMarkers, "the series that ended"),
    ("storage/columns", Backfilling, "a later column"),
    ("storage/copies", Borrowing, "whose array was changed afterwards"),
    ("storage/points", Restamping, "points"),
    ("storage/acceptance", Believing, "duplicates and points out of order: expected (1, 1), found (0, 0)"),
    ("storage/shared-series", OneLane, "times of the series"),
    ("storage/moving-series", OneLane, "times of the series"),
    ("storage/width", Padding, "took a row of 1 value for a lane of 2 columns"),
    ("storage/readers", Late, "a reader saw"),
    ("storage/matchers", Blind, 'series of {x!="1"}'),
    ("storage/label-queries", Unsorted, "values of a label: expected ['0', '1'], found ['1', '0']"),
    ("storage/histograms", NoHistograms, "stored of a row with a histogram"),
    ("storage/start-timestamps", NoStarts, "start timestamps"),
    ("storage/restart", Fleeting, "samples after a restart"),
    ("storage/restart-histograms", FleetingHistograms, "after a restart"),
    ("storage/metadata", Repeating, "metadata of two targets that agree"),
    ("storage/restart-metadata", FleetingMetadata, "metadata after a restart"),
    ("storage/stop", Touchy, "StorageError: was never started"),
]


def test_every_rule_has_a_storage_that_breaks_it():
    assert {rule for rule, _, _ in BREAKERS} == own_rules("storage")


@pytest.mark.parametrize(("rule", "made", "what"), BREAKERS, ids=lambda one: getattr(one, "__name__", one))
def test_a_storage_that_breaks_the_rule_is_caught(rule, made, what):
    rig = type(f"{made.__name__}Rig", (ShelfRig,), {"made": made})()
    verdict, _ = try_rule(BY_ID[rule], rig, Guards(()))
    assert verdict.state == "broken"
    assert what in verdict.what


def test_what_a_storage_does_not_claim_is_not_checked():
    rig = type("Rig", (ShelfRig,), {"durable": False, "histograms": False})
    states = {rule.id: try_rule(rule, rig(), Guards(()))[0].state for rule in RULES["storage"]}
    unchecked = {rule for rule, state in states.items() if state == "unchecked"}
    assert unchecked == {
        "storage/histograms", "storage/start-timestamps", "storage/restart", "storage/restart-histograms",
        "storage/restart-metadata",
    }  # fmt: skip
