"""Start timestamps of floats: kept with every sample, in memory, in logs, in files and in blocks."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.plugins.tsdb.conftest import Factory

from narthex.config.types import Duration
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchOp
from narthex.model.sample import MISSING
from narthex.storage.frames import NO_START, Points
from narthex.storage.protocol import Batch
from narthex_plugins.tsdb import TsdbConfig
from narthex_plugins.tsdb.blocks import block_path, open_block, write_block
from narthex_plugins.tsdb.blocks.plan import RANGE
from narthex_plugins.tsdb.blocks.upwards import write_merged_block
from narthex_plugins.tsdb.records import points_payload, read_points
from narthex_plugins.tsdb.storage import Tsdb

T0 = 1_700_006_400_000
MINUTE = 60_000
A, B = Labels({"__name__": "a"}), Labels({"__name__": "b"})


def points(ref: int, times: list[int], starts: list[int] | None) -> Points:
    count = len(times)
    known = None if starts is None else np.array(starts)
    return Points(np.full(count, ref), np.array(times), np.arange(count, dtype=np.float64), known)


def select(storage: Tsdb, name: str = ".+") -> Points:
    return storage.select([Matcher(MatchOp.REGEX, "__name__", name)], 0, 1 << 53).points


def began(row: int) -> int:
    """The counter starts again every hour."""
    return T0 - 9 + row // 60 * 3_600_000


def fill(storage: Tsdb, rows: range) -> None:
    """One series with start timestamps, and a plain one."""
    refs = storage.register([A, B])
    lane = storage.open_lane(MINUTE, 0)
    lane.extend(refs)
    for row in rows:
        when = T0 + row * MINUTE
        own = points(int(refs[0]), [when], [began(row)])
        assert storage.append(Batch(lane, when, np.array([MISSING, row]), own)).stored == 2
    lane.close()


def check(storage: Tsdb, rows: int) -> None:
    found = select(storage, "a")
    assert found.times.tolist() == [T0 + row * MINUTE for row in range(rows)]
    assert found.starts is not None
    assert found.starts.tolist() == [began(row) for row in range(rows)]
    assert not len(select(storage, "b").times)  # plain series stay in frames


def work(storage: Tsdb) -> None:
    """Seal, compact and tidy until nothing is left to do."""
    for _ in range(4):
        storage._disk._sealer.retry().result()
        storage._disk.tidy(storage._newest, storage._newest).result()


@given(st.lists(st.sampled_from((NO_START, 7, 8)), min_size=1, max_size=20))
def test_a_record_reads_back(starts: list[int]) -> None:
    payload = points_payload(points(3, list(range(len(starts))), starts))
    found = read_points(memoryview(payload))
    assert ([NO_START] * len(starts) if found.starts is None else found.starts.tolist()) == starts
    assert (payload[:1] == b"\x06") == any(starts)


@pytest.mark.parametrize("restart", [False, True])
async def test_they_come_back_from_memory_logs_files_and_blocks(make: Factory, restart: bool) -> None:
    storage = make()
    await storage.start()
    for step in range(5):
        fill(storage, range(step * 100, step * 100 + 100))
        work(storage)
        check(storage, 100 * step + 100)
        if restart:
            await storage.stop()
            storage = make()
            await storage.start()
            check(storage, 100 * step + 100)
    assert len(storage._parts.blocks()) == 3
    await storage.stop()


async def test_a_late_sample_brings_its_own_start(make: Factory) -> None:
    storage = make(TsdbConfig(out_of_order_window=Duration(3_600_000)))
    await storage.start()
    (ref,) = storage.register([A]).tolist()
    lane = storage.open_lane(MINUTE, 0)
    for when, start in ((T0, T0 - 1), (T0 + 2000, T0 + 1500), (T0 + 1000, T0 - 1)):
        storage.append(Batch(lane, T0, np.zeros(0), points(ref, [when], [start])))
    found = select(storage)
    assert found.times.tolist() == [T0, T0 + 1000, T0 + 2000]
    assert found.starts.tolist() == [T0 - 1, T0 - 1, T0 + 1500]
    await storage.stop()


async def test_deleted_samples_of_blocks_are_gone_with_their_starts(make: Factory) -> None:
    storage = make()
    await storage.start()
    fill(storage, range(400))
    work(storage)
    await storage.delete_series([[Matcher(MatchOp.EQUAL, "__name__", "a")]], T0, T0 + 99 * MINUTE)
    for clean in (False, True):
        if clean:
            await storage.clean_tombstones()
        found = select(storage, "a")
        assert found.times.tolist() == [T0 + row * MINUTE for row in range(100, 400)]
        assert found.starts.tolist() == [began(row) for row in range(100, 400)]
    await storage.stop()


async def test_a_torn_log_is_good_up_to_its_damage(make: Factory) -> None:
    storage = make()
    await storage.start()
    fill(storage, range(5))
    await asyncio.to_thread(storage._disk.wal.flush)
    (log,) = (make.data / "wal").glob("points-*.log")
    torn = log.read_bytes()[:-3]
    await storage.stop()
    (log,) = (make.data / "wal").glob("points-*.log")
    log.write_bytes(torn)
    storage = make()
    await storage.start()
    check(storage, 4)
    await storage.stop()


@pytest.mark.parametrize("apart", [True, False], ids=["pages are copied", "samples are mixed"])
def test_merged_blocks_keep_them(tmp_path: Path, apart: bool) -> None:
    begin = [T0, T0 + (RANGE if apart else MINUTE // 2)]
    blocks = []
    for number, start in enumerate(begin, 1):
        times = start + np.arange(110) * MINUTE
        starts = np.where(np.arange(110) < 50, start - 7, start + 40 * MINUTE)
        path = block_path(tmp_path, number)
        given = [starts if number == 2 else None, None]
        write_block(path, [A, B], [times, times], [np.arange(110.0), np.arange(110.0)], starts=given)
        blocks.append(open_block(path))
    assert write_merged_block(block_path(tmp_path, 3), blocks)
    merged = open_block(block_path(tmp_path, 3))
    merged.verify()
    selection = merged.select([], 0, 1 << 53)
    known = {}
    for block in blocks[1:]:
        own = block.select([], 0, 1 << 53).points
        known = dict(zip(own.times.tolist(), own.starts.tolist(), strict=True))
    assert len(known) == 110
    found = selection.points
    assert len(found.times) == 220
    assert found.starts.tolist() == [known.get(time, NO_START) for time in found.times.tolist()]
    assert sum(len(frame.series) for frame in selection.frames) == 1
