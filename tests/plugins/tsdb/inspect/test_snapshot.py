"""A snapshot of a directory that a server works on holds what had been written, and starts a server of its own."""

from __future__ import annotations

import numpy as np
import pytest
from tests.plugins.tsdb.conftest import Factory

import narthex
from narthex.errors import StorageError
from narthex.model.histogram import Buckets, Histogram
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchOp
from narthex.storage.frames import HistogramPoints
from narthex.storage.protocol import Batch
from narthex_plugins.tsdb.inspect import snapshot as module
from narthex_plugins.tsdb.inspect.snapshot import snapshot
from narthex_plugins.tsdb.inspect.verify import verify

T0, STEP = 1_700_006_400_000, 15_000
HISTOGRAM = Histogram(count=2.0, sum=3.0, positive=Buckets.run(1, [2.0]))


def silent(what, done, total):
    pass


def found(path):
    with narthex.open(path) as database:
        return {str(labels): (times.tolist(), values.tolist()) for labels, times, values in database.samples("a")} | {
            "h": database.samples("h").times.tolist()
        }


@pytest.fixture
async def running(make):
    """A storage with sealed slabs, an open one, histograms and a deletion; everything is written."""
    storage = make()
    await storage.start()
    lane = storage.open_lane(STEP, 0)
    lane.extend(storage.register([Labels({"__name__": "a"})]))
    ref = storage.register([Labels({"__name__": "h"})]).tolist()
    for at in range(150):
        beside = HistogramPoints.of(ref, [T0 + at * STEP], [HISTOGRAM])
        storage.append(Batch(lane, T0 + at * STEP, np.array([float(at)]), histograms=beside))
    await storage.delete_series([[Matcher(MatchOp.EQUAL, "__name__", "a")]], T0, T0 + 3 * STEP)
    storage._disk.wal.flush()
    yield storage
    await storage.stop()


async def test_the_copy_is_complete_while_the_server_goes_on(make, running):
    copy = make.data.with_name("copy")
    snapshot(make.data, copy, silent)
    assert found(copy) == found(make.data)
    assert len(found(copy)["h"]) == 150
    assert [problem for _, problem in verify(copy, silent) if problem] == []


async def test_a_server_starts_on_the_copy_and_does_not_touch_the_original(make, running):
    copy = make.data.with_name("copy")
    snapshot(make.data, copy, silent)
    before = found(make.data)
    other = Factory(copy)()
    await other.start()
    everything = other.select([Matcher(MatchOp.EQUAL, "__name__", "h")], T0, T0 + 150 * STEP)
    assert len(everything.histograms) == 150
    await other.stop()
    assert found(make.data) == before


async def test_without_links_files_are_copied(make, running, monkeypatch):
    def refuse(self, target):
        raise OSError("no links here")

    monkeypatch.setattr(module.Path, "hardlink_to", refuse)
    copy = make.data.with_name("copy")
    snapshot(make.data, copy, silent)
    assert found(copy) == found(make.data)


async def test_an_interrupted_snapshot_leaves_nothing(make, running):
    def interrupt(what, done, total):
        if done:
            raise KeyboardInterrupt

    copy = make.data.with_name("copy")
    with pytest.raises(KeyboardInterrupt):
        snapshot(make.data, copy, interrupt)
    assert not list(make.data.parent.glob("copy*"))
    with pytest.raises(StorageError, match="exists already"):
        snapshot(make.data, make.data, silent)
