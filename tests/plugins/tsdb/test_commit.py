"""``wal_fsync: always``: samples count as durable when they are on the disk, and nobody else waits for it."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.plugins.tsdb.conftest import Factory

from narthex.errors import StorageError
from narthex.storage.protocol import Acknowledges
from narthex.testing.storage_contract import T0, family, points_of, row, samples
from narthex_plugins.tsdb import TsdbConfig, wal
from narthex_plugins.tsdb.commit import GroupCommit

ALWAYS = TsdbConfig(wal_fsync="always")
LONG = 60.0


class Platter:
    """Stands for ``os.fsync``: knows what is on the disk, hangs while ``let`` is clear, and can be told to fail."""

    def __init__(self) -> None:
        self.real = os.fsync
        self.safe: dict[int, int] = {}
        """By inode, the bytes that a power cut leaves."""
        self.let = threading.Event()
        self.let.set()
        self.waits = threading.Event()
        self.failures = 0
        self.calls = 0

    def __call__(self, fd: int) -> None:
        size = os.fstat(fd).st_size  # what comes while a sync goes on may miss it
        self.calls += 1
        if not self.let.is_set():
            self.waits.set()
            self.let.wait(LONG)
        if self.failures:
            self.failures -= 1
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self.real(fd)
        self.safe[os.fstat(fd).st_ino] = size

    def after_power_cut(self, data: Path, target: Path) -> Path:
        """A copy of the directory in which logs end where the last sync saw them end."""
        safe = dict(self.safe)
        shutil.copytree(data, target)
        for path in sorted(data.rglob("*.log")):
            os.truncate(target / path.relative_to(data), safe.get(path.stat().st_ino, 0))
        return target


@pytest.fixture
def platter(monkeypatch: pytest.MonkeyPatch) -> Iterator[Platter]:
    one = Platter()
    monkeypatch.setattr(os, "fsync", one)
    yield one
    one.let.set()


async def stored_in(data: Path) -> int:
    storage = Factory(data)()
    await storage.start()
    found = samples(storage)
    await storage.stop()
    return sum(map(len, found.values()))


async def hangs(platter: Platter) -> None:
    assert await asyncio.to_thread(platter.waits.wait, LONG)


def lane_of(storage, count: int = 2):
    lane = storage.open_lane(15_000, 0)
    lane.extend(storage.register(family(count)))
    return lane


async def test_what_is_acknowledged_survives_a_power_cut(make, platter, tmp_path) -> None:
    storage = make(ALWAYS)
    assert isinstance(storage, Acknowledges)
    await storage.start()
    lane = lane_of(storage)
    own = int(storage.register(family(1, own="yes"))[0])
    for step in range(5):
        storage.append(row(lane, T0 + step * 15_000, 1.0, float(step), points=points_of((own, T0 + step, 1.0))))
        await storage.acknowledged()
        assert make.registry.get_sample_value("narthex_tsdb_unacknowledged_samples") == 0
        left = platter.after_power_cut(make.data, tmp_path / str(step))
        assert await stored_in(left) == 3 * (step + 1)
    await storage.stop()


async def test_a_sync_that_hangs_holds_up_nobody_but_who_waits_for_it(make, platter, tmp_path) -> None:
    storage = make(ALWAYS)
    await storage.start()
    lane = lane_of(storage)
    platter.let.clear()
    storage.append(row(lane, T0, 1.0, 2.0))
    first = asyncio.ensure_future(storage.acknowledged())
    await hangs(platter)
    for step in range(1, 50):  # the loop is here, so it does not wait
        storage.append(row(lane, T0 + step * 15_000, 1.0, 2.0))
    assert sum(map(len, samples(storage).values())) == 100, "rules see what is not on disk"
    last = asyncio.ensure_future(storage.acknowledged())
    await asyncio.sleep(0)
    assert not first.done()
    assert not last.done()
    before = platter.calls
    platter.let.set()
    await first
    await last
    assert platter.calls - before < 10, "49 appends share their syncs"
    assert await stored_in(platter.after_power_cut(make.data, tmp_path / "cut")) == 100
    await storage.stop()


async def test_after_a_sync_that_failed_everything_is_written_again(make, platter, tmp_path) -> None:
    storage = make(ALWAYS)
    await storage.start()
    lane = lane_of(storage)
    storage.append(row(lane, T0, 1.0, 2.0))
    await storage.acknowledged()
    platter.failures = 3
    storage.append(row(lane, T0 + 15_000, 1.0, 2.0))
    await storage.acknowledged()  # pending until the disk takes it
    assert platter.failures == 0
    assert make.metric("wal_writes_failed_total") >= 2
    assert await stored_in(platter.after_power_cut(make.data, tmp_path / "cut")) == 4
    await storage.stop()
    assert await stored_in(make.data) == 4


async def test_a_write_that_hangs_takes_no_more_memory_than_allowed(make, platter, monkeypatch) -> None:
    monkeypatch.setattr(wal, "_MOST_QUEUED", 1000)
    storage = make(ALWAYS)
    await storage.start()
    lane = lane_of(storage)
    real, let, waits = os.write, threading.Event(), threading.Event()

    def hanging(fd: int, data: bytes) -> int:
        waits.set()
        let.wait(LONG)
        return real(fd, data)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", hanging)
        storage.append(row(lane, T0, 1.0, 2.0))
        assert await asyncio.to_thread(waits.wait, LONG)
        for step in range(1, 200):
            storage.append(row(lane, T0 + step * 15_000, 1.0, 2.0))
        assert storage._disk.wal._queued - storage._disk.wal._taken < 2000
        last = asyncio.ensure_future(storage.acknowledged())
        let.set()
    assert sum(map(len, samples(storage).values())) == 400
    assert not last.done(), "the log lost records: only the sealed file makes them durable"
    for track in storage._tracks.values():
        track.close()
    await last
    await storage.stop()
    assert await stored_in(make.data) == 400


async def test_a_snapshot_does_not_hold_up_the_loop(make, platter) -> None:
    storage = make()
    await storage.start()
    lane = lane_of(storage)
    storage.append(row(lane, T0, 1.0, 2.0))
    platter.let.clear()
    snapshot = asyncio.ensure_future(storage.snapshot(skip_head=False))
    await hangs(platter)
    storage.append(row(lane, T0 + 15_000, 1.0, 2.0))
    assert not snapshot.done()
    platter.let.set()
    assert await stored_in(make.data / "snapshots" / await snapshot) >= 2
    await storage.stop()


# --- the commit alone ------------------------------------------------------------------------------------------------


def test_one_flush_serves_all_that_came_before_it() -> None:
    let, begun, flushes, told = threading.Event(), threading.Event(), [], []

    def flush() -> bool:
        begun.set()
        let.wait(LONG)
        flushes.append(1)
        return True

    commit = GroupCommit(flush, told.append)
    commit.start()
    commit.ask(1)
    assert begun.wait(LONG)
    for _ in range(9):
        commit.ask(1)
    pending = commit.acknowledged()
    assert not pending.done()
    let.set()
    pending.result(LONG)
    commit.stop()
    assert len(flushes) <= 3  # the one that hung, the one for the nine, and the last one of the stop
    assert told[-1] == 0


def test_nothing_is_acknowledged_as_long_as_the_disk_refuses() -> None:
    outcomes = iter([False, False, True])
    commit = GroupCommit(lambda: next(outcomes, True), lambda _: None)
    commit.start()
    commit.ask(1)
    commit.acknowledged().result(LONG)
    assert next(outcomes, None) is None
    commit.stop()


def test_what_was_given_up_is_not_acknowledged() -> None:
    def flush() -> bool:
        raise StorageError("given up")

    commit = GroupCommit(flush, lambda _: None)
    commit.ask(1)
    pending = commit.acknowledged()
    commit.start()
    with pytest.raises(StorageError, match="given up"):
        pending.result(LONG)
    commit.stop()


def test_who_waits_at_the_stop_is_told_that_it_was_in_vain() -> None:
    commit = GroupCommit(lambda: False, lambda _: None)
    commit.start()
    commit.ask(1)
    pending = commit.acknowledged()
    commit.stop()
    with pytest.raises(StorageError, match="stopped before"):
        pending.result(LONG)
    commit.stop()
