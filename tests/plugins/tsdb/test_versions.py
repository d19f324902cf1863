"""A directory of another format version is refused, whole; a file that only looks like one is damage."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from isal.isal_zlib import crc32
from tests.plugins.tsdb.conftest import Factory

from narthex.errors import StorageError
from narthex.storage.protocol import Batch
from narthex.testing.storage_contract import T0, family
from narthex_plugins.tsdb import container, records
from narthex_plugins.tsdb.reading import read_directory
from narthex_plugins.tsdb.transfer.intake import Intake


async def written(make: Factory, *, sealed: bool) -> Path:
    """The one file of samples that a stopped server, or one that was killed, leaves."""
    storage = make()
    await storage.start()
    lane = storage.open_lane(15_000, 0)
    lane.extend(storage.register(family(2)))
    storage.append(Batch(lane, T0, np.ones(2)))
    storage._disk.wal.flush()
    if not sealed:
        shutil.copytree(make.data, make.data.with_name("killed"))
    await storage.stop()
    if not sealed:
        make.data = make.data.with_name("killed")
    (path,) = make.data.glob("sealed/slab-*.nrx" if sealed else "wal/slab-*.log")
    return path


def other_file(path: Path, *, whole: bool) -> None:
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, 8, container.VERSION + 1)
    if whole:
        struct.pack_into("<I", data, 28, crc32(bytes(data[:28])))
    path.write_bytes(data)


def other_log(path: Path) -> None:
    header, *others = [bytes(one) for one in records.records(path) if not isinstance(one, records.Damage)]
    header = header.replace(b'"version": %d' % records.VERSION, b'"version": %d' % (records.VERSION - 1))
    path.write_bytes(b"".join(map(records.frame, [header, *others])))


@pytest.mark.parametrize("sealed", [True, False], ids=["file", "log"])
async def test_a_whole_file_of_another_version_is_refused_by_everybody(make: Factory, sealed: bool) -> None:
    path = await written(make, sealed=sealed)
    other_file(path, whole=True) if sealed else other_log(path)
    before = {one: one.read_bytes() for one in make.data.rglob("*") if one.is_file() and one.name != "lock"}
    storage = make()
    with pytest.raises(StorageError, match=f"{path.name} is in format version"):
        await storage.start()
    with pytest.raises(StorageError, match="reads version 3 only"), Intake(make.data):
        pass
    with pytest.raises(StorageError, match="the program that wrote it"):
        read_directory(make.data)
    after = {one: one.read_bytes() for one in make.data.rglob("*") if one.is_file() and one.name != "lock"}
    assert after == before


async def test_a_header_that_is_not_whole_is_damage(make: Factory) -> None:
    path = await written(make, sealed=True)
    other_file(path, whole=False)
    storage = make()
    await storage.start()
    assert make.metric("wal_corruptions_total") == 1
    await storage.stop()
