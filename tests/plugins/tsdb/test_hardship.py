"""The disk fails while the storage is in use, vanishes, or the clock goes wrong: samples are taken and answered all the
same, and when the disk takes writes again nothing is missing at the next start.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.plugins.tsdb.conftest import Factory
from tests.plugins.tsdb.test_adversity import STEP, T0, Writer, all_of, left_behind, tidied

from narthex.config.types import Duration
from narthex.errors import StorageError
from narthex.storage.protocol import Batch
from narthex.testing.storage_contract import family, samples
from narthex_plugins.tsdb import TsdbConfig

SEEDS = int(os.environ.get("NARTHEX_SEEDS", "3"))
"""Few here; ``make stress`` sets many."""


class Disk:
    """Stands in for the calls that change a disk; each fails with some chance, a write of data now and then halfway."""

    CALLS = ("write", "pwrite", "fsync", "rename", "replace", "unlink", "truncate", "ftruncate", "open", "mkdir")

    def __init__(self, monkeypatch: pytest.MonkeyPatch, under: Path, dice: random.Random) -> None:
        self._under = str(under)
        self._dice = dice
        self.chance = 0.0
        self.error = errno.EIO
        self._real = {name: getattr(os, name) for name in self.CALLS}
        for name in self.CALLS:
            monkeypatch.setattr(os, name, self._call(name))

    def _call(self, name: str) -> Any:
        def call(*arguments: Any, **more: Any) -> Any:
            if self.chance and self._dice.random() < self.chance and self._concerns(name, arguments):
                if name == "write" and self._dice.random() < 0.5:
                    self._real[name](arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
                raise OSError(self.error, os.strerror(self.error))
            return self._real[name](*arguments, **more)

        return call

    def _concerns(self, name: str, arguments: tuple[Any, ...]) -> bool:
        """Whether the call is about the data directory; reading is never refused."""
        if name == "open" and not arguments[1] & (os.O_WRONLY | os.O_RDWR):
            return False
        path = arguments[0]
        if isinstance(path, int):
            path = Path(f"/proc/self/fd/{path}").readlink()
        return os.fspath(path).startswith(self._under)


async def stored(path: Path) -> set[Any]:
    storage = Factory(path)()
    await storage.start()
    found = all_of(storage)
    await storage.stop()
    return found


REFUSALS = (errno.ENOSPC, errno.EROFS, errno.EIO)


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("error", REFUSALS)
async def test_a_disk_that_takes_nothing_does_not_stop_the_start(
    make: Factory,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    seed: int,
    error: int,
) -> None:
    dice = random.Random(seed)
    held, _ = await left_behind(make, tmp_path / "left", dice)
    make.data = tmp_path / "left"
    files = {path: path.read_bytes() for path in make.data.rglob("*") if path.is_file()}
    disk = Disk(monkeypatch, make.data, dice)
    disk.chance, disk.error = 1.0, error
    storage = make()
    await storage.start()
    assert any("data directory cannot be written" in record.message for record in caplog.records)
    assert held <= all_of(storage), "what is there is read"
    lane = storage.open_lane(STEP, 0)
    lane.extend(storage.register(family(2)))
    storage.append(Batch(lane, storage._newest + STEP, np.array([7.0, 8.0])))
    found = all_of(storage)
    assert len(found) > len(held), "and new samples are taken"
    assert {path: path.read_bytes() for path in files} == files, "nothing is touched"
    disk.chance = 0.0
    tidied(storage)
    storage._disk.flush()
    await storage.stop()
    assert found <= await stored(make.data), "when the disk takes it, all of it is written"


async def test_a_directory_that_cannot_be_made_is_made_when_it_can(
    make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch, make.data, random.Random(1))
    disk.chance, disk.error = 1.0, errno.EROFS
    storage = make()
    await storage.start()
    await make.clock.advance(0)
    writer = Writer(storage, random.Random(1))
    writer.play(150)
    found = all_of(storage)
    disk.chance = 0.0
    tidied(storage)
    tidied(storage)
    storage._disk.flush()
    await storage.stop()
    assert await stored(make.data) == found


async def test_a_full_disk_is_locked_all_the_same(make: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    make.data.mkdir()
    disk = Disk(monkeypatch, make.data, random.Random(1))
    disk.chance, disk.error = 1.0, errno.ENOSPC
    storage = make()
    await storage.start()
    with pytest.raises(StorageError, match="is in use by another server"):
        await make().start()
    await storage.stop()


async def test_a_directory_that_others_own_is_a_mistake(make: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch, make.data, random.Random(1))
    disk.chance, disk.error = 1.0, errno.EACCES
    with pytest.raises(StorageError, match=r"cannot use data directory .*: Permission denied"):
        await make().start()


@pytest.mark.parametrize("fsync", ["interval", "always"])
@pytest.mark.parametrize("seed", range(SEEDS))
async def test_what_a_failing_disk_did_not_take_is_taken_later(
    make: Factory, monkeypatch: pytest.MonkeyPatch, seed: int, fsync: Any
) -> None:
    dice = random.Random(seed)
    disk = Disk(monkeypatch, make.data, dice)
    storage = make(TsdbConfig(retention=Duration(0), wal_fsync=fsync))
    await storage.start()
    await make.clock.advance(0)
    writer = Writer(storage, dice)
    for _ in range(dice.randrange(2, 8)):
        disk.chance = dice.choice([0.0, 0.1, 0.5, 1.0])
        disk.error = dice.choice([errno.EIO, errno.ENOSPC, errno.EROFS])
        before = all_of(storage)
        writer.play(dice.randrange(1, 120))
        storage._disk.flush()
        await make.clock.advance(60)
        tidied(storage)
        assert before <= all_of(storage), "a disk that fails takes nothing away"
    disk.chance = 0.0
    for _ in range(3):
        tidied(storage)
    storage._disk.flush()
    found = all_of(storage)
    assert len({one for one in found if one[0].get_or_empty("i") == "0"}) == writer.at
    await storage.acknowledged()
    await storage.stop()
    assert await stored(make.data) == found
    assert not [one for one in make.data.rglob("*") if one.suffix in {".bad", ".tmp"}]


async def test_a_directory_that_vanishes_takes_only_what_it_held(
    make: Factory, caplog: pytest.LogCaptureFixture
) -> None:
    storage = make(TsdbConfig(wal_fsync="always"))
    await storage.start()
    await make.clock.advance(0)
    writer = Writer(storage, random.Random(1))
    writer.play(50)
    await storage.acknowledged()
    shutil.rmtree(make.data)
    for _ in range(5):
        writer.play(60)
        await make.clock.advance(60)
        tidied(storage)
    rows = samples(storage)[family(1)[0]]
    assert len(rows) == writer.at, "everything can be read: it is in memory, or mapped"
    assert any("cannot write" in record.message for record in caplog.records)
    waiting = storage._disk.commit.acknowledged()
    assert not waiting.done(), "nobody is told that it is safe"
    await storage.stop()
    with pytest.raises(StorageError):
        waiting.result(0)


async def test_a_clock_that_is_set_back_makes_samples_late_not_wrong(make: Factory) -> None:
    storage = make()
    await storage.start()
    lane = storage.open_lane(STEP, 0)
    lane.extend(storage.register(family(1)))
    ahead = [T0 + at * STEP for at in range(200)]
    back = [T0 + at * STEP for at in range(100, 300)]
    for when in ahead:
        storage.append(Batch(lane, when, np.array([1.0])))
    counts = [storage.append(Batch(lane, when, np.array([2.0]))) for when in back]
    tidied(storage)
    found = samples(storage)[family(1)[0]]
    assert [when for when, _ in found] == sorted({*ahead, *back})
    assert sum(one.stored for one in counts) == 100, "what is new is stored, what was there stays as it was"
    await storage.stop()
    assert {(labels, *one) for labels, several in {family(1)[0]: found}.items() for one in several} == await stored(
        make.data
    )


async def test_a_clock_that_jumps_ahead_removes_nothing(make: Factory) -> None:
    storage = make(TsdbConfig(retention=Duration(86_400_000)))
    await storage.start()
    await make.clock.advance(0)
    writer = Writer(storage, random.Random(2))
    writer.play(400)
    tidied(storage)
    before = all_of(storage)
    storage._disk.tidy(int(make.clock.now() + 400 * 86_400) * 1000, storage._newest).result()
    storage._disk._sealer.retry().result()
    assert all_of(storage) == before, "what is kept is counted from the newest sample, as in Prometheus"
    await storage.stop()
