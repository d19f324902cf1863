from __future__ import annotations

import numpy as np
import pytest

from narthex.errors import StorageError
from narthex.model.labels import Labels
from narthex.storage.protocol import Batch
from narthex_plugins.tsdb.inspect.verify import verify

T0, STEP = 1_700_006_400_000, 15_000


def silent(what, done, total):
    pass


@pytest.fixture
async def data(make):
    """A directory with two sealed slabs and logs, left by a server that stopped."""
    storage = make()
    await storage.start()
    lane = storage.open_lane(STEP, 0)
    lane.extend(storage.register([Labels({"__name__": "a"})]))
    for at in range(150):
        storage.append(Batch(lane, T0 + at * STEP, np.array([float(at) ** 0.5])))
    await storage.stop()
    return make.data


def problems(path):
    return [(name.rpartition("/")[2], what) for name, what in verify(path, silent) if what]


def test_a_sound_directory_has_nothing_to_tell_and_every_file_is_looked_at(data):
    looked = {name for name, _ in verify(data, silent)}
    assert problems(data) == []
    assert {str(path) for path in data.rglob("*.nrx")} | {str(path) for path in data.rglob("*.log")} == looked
    assert len(looked) > 3


def test_every_damaged_file_is_named(data):
    damaged = sorted(data.rglob("slab-*.nrx"))
    for path in damaged:
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
    assert [name for name, _ in problems(data)] == [path.name for path in damaged]
    assert all("checksum" in what for _, what in problems(data))


def test_a_torn_log_is_damage_unless_a_server_may_be_writing_it(data):
    log = data / "wal/series.log"
    log.write_bytes(log.read_bytes()[:-3])
    assert [name for name, _ in problems(data)] == ["series.log"]
    (data / "lock").touch()
    assert problems(data) == []


def test_what_is_no_data_directory_is_refused(tmp_path):
    with pytest.raises(StorageError, match="not a data directory"):
        list(verify(tmp_path, silent))
