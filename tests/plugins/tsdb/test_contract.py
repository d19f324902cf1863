from __future__ import annotations

import pytest

from narthex.testing.contract import StorageContract
from narthex.testing.rigs import StorageRig
from narthex_plugins import tsdb


class TsdbRig(StorageRig):
    plugin = tsdb
    kind = "tsdb"


class InMemoryRig(TsdbRig):
    """Without a data directory nothing is kept."""

    durable = False

    async def start(self):
        self.data = None


class TestOnDisk(StorageContract):
    """The storage keeps the storage contract."""

    @pytest.fixture
    def rig(self):
        return TsdbRig()


class TestInMemory(StorageContract):
    @pytest.fixture
    def rig(self):
        return InMemoryRig()
