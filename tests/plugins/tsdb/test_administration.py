"""Deleting, cleaning up and snapshots, of samples in every place they can be in."""

from __future__ import annotations

import pytest
from tests.plugins.tsdb.conftest import Factory
from tests.plugins.tsdb.test_compaction import STEP, T0, Load, compacted

from narthex.errors import StorageError
from narthex.model.labels import Labels
from narthex.testing.clock import FakeClock
from narthex.testing.storage_contract import equal, samples
from narthex_plugins.tsdb.storage import Tsdb

HOUR = 3_600_000


async def loaded(make: Factory) -> tuple[Tsdb, Load]:
    """Samples in two blocks, in sealed files, and in memory."""
    make.clock = FakeClock(T0 / 1000)
    storage = make()
    await storage.start()
    load = Load(storage)
    load.play(5.5)
    compacted(storage)
    load.play(1.3)
    storage._disk._sealer.retry().result()
    assert len(storage._parts.blocks()) == 2
    return storage, load


def without(found: dict, labels: dict[str, str], start: int, end: int) -> dict:
    hit = {
        k: [x for x in v if not (start <= x[0] <= end and all(k.as_dict().get(n) == t for n, t in labels.items()))]
        for k, v in found.items()
    }
    return {k: v for k, v in hit.items() if v}


@pytest.mark.parametrize(
    ("labels", "start", "end"),
    [
        ({"i": "1"}, 0, 1 << 53),
        ({"i": "0", "target": "1"}, T0 + HOUR, T0 + 3 * HOUR),
        ({"__name__": "own"}, T0 + HOUR, T0 + 6 * HOUR),
        ({"__name__": "m"}, T0 + 3 * HOUR, 1 << 53),
    ],
)
async def test_what_is_deleted_is_gone_wherever_it_stood(
    make: Factory, labels: dict[str, str], start: int, end: int
) -> None:
    storage, load = await loaded(make)
    expected = without(samples(storage), labels, start, end)
    await storage.delete_series([[equal(n, v) for n, v in labels.items()]], start, end)
    assert samples(storage) == expected
    load.play(0.2)  # samples that arrive later are not deleted
    later = samples(storage, start=load.at - int(0.2 * HOUR))
    assert {Labels({"__name__": "own"}), Labels({"__name__": "m", "i": "1", "target": "0"})} <= set(later)
    expected = samples(storage)
    for _ in range(2):
        compacted(storage)
        assert samples(storage) == expected
        await storage.stop()
        storage = make()
        await storage.start()
        assert samples(storage) == expected
    await storage.clean_tombstones()
    assert samples(storage) == expected
    assert not set(storage._tombstones.files()) & {block.number for block in storage._parts.blocks()}
    await storage.stop()


async def test_a_deletion_survives_a_crash(make: Factory, tmp_path) -> None:
    storage, _ = await loaded(make)
    await storage.delete_series([[equal("i", "1")], [equal("__name__", "own")]], T0 + HOUR, 1 << 53)
    expected = samples(storage)
    storage._disk.wal.flush()
    name = await storage.snapshot(skip_head=False)
    await storage.stop()
    copy = Factory(make.data / "snapshots" / name)
    other = copy()
    await other.start()
    assert samples(other) == expected
    await other.stop()


async def test_deletions_are_forgotten_when_their_files_are_gone(make: Factory) -> None:
    storage, load = await loaded(make)
    await storage.delete_series([[equal("i", "1")]], T0, T0 + HOUR)
    assert (make.data / "tombstones.nrx").exists()
    await storage.clean_tombstones()
    load.play(6)
    expected = samples(storage)
    compacted(storage)
    assert samples(storage) == expected
    assert not storage._tombstones.deletions
    assert not (make.data / "tombstones.nrx").exists()
    await storage.stop()


async def test_cleaning_makes_files_smaller(make: Factory) -> None:
    storage, _ = await loaded(make)
    before = sum(block.file.size for block in storage._parts.blocks())
    await storage.delete_series([[equal("i", "0")], [equal("i", "2")]], 0, 1 << 53)
    await storage.clean_tombstones()
    assert sum(block.file.size for block in storage._parts.blocks()) < before
    await storage.stop()


async def test_a_block_of_deleted_series_only_goes(make: Factory) -> None:
    storage, _ = await loaded(make)
    await storage.delete_series([[]], 0, T0 + 2 * HOUR + STEP)
    await storage.clean_tombstones()
    assert len(storage._parts.blocks()) == 1
    assert min(one[0] for own in samples(storage).values() for one in own) > T0 + 2 * HOUR + STEP
    await storage.stop()


@pytest.mark.parametrize("skip_head", [False, True])
async def test_a_snapshot_is_a_data_directory(make: Factory, skip_head: bool) -> None:
    storage, load = await loaded(make)
    name = await storage.snapshot(skip_head=skip_head)
    end = max(block.max_time for block in storage._parts.blocks())
    expected = samples(storage)
    if skip_head:
        expected = {k: [x for x in v if x[0] <= end] for k, v in expected.items()}
    load.play(3)
    compacted(storage)  # files change and go; the snapshot has its own names for them
    copy = Factory(make.data / "snapshots" / name)
    other = copy()
    await other.start()
    assert {k: v for k, v in samples(other).items() if v} == {k: v for k, v in expected.items() if v}
    assert copy.metric("wal_corruptions_total") == 0
    await other.stop()
    await storage.stop()


async def test_a_full_disk_refuses_and_deletes_nothing(make: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    storage, _ = await loaded(make)
    before = samples(storage)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("narthex_plugins.tsdb.container.finish_file", full)
        with pytest.raises(StorageError, match="No space left"):
            await storage.delete_series([[equal("i", "1")]], 0, 1 << 53)
        patch.setattr("narthex_plugins.tsdb.administration.os.link", full)
        with pytest.raises(StorageError, match="No space left"):
            await storage.snapshot(skip_head=False)
    assert not list((make.data / "snapshots").iterdir())
    assert samples(storage) == before
    await storage.stop()


async def test_without_a_directory_there_is_nothing_to_administer(in_memory: Factory) -> None:
    storage = in_memory()
    with pytest.raises(StorageError, match="no data directory"):
        await storage.snapshot(skip_head=True)
