from __future__ import annotations

from typing import ClassVar

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


NOT_YET = "the embedded storage is being taught to keep them"


class TestOnDisk(StorageContract):
    """The storage keeps the storage contract."""

    excused: ClassVar = {"storage/start-timestamps": NOT_YET, "storage/restart-histograms": NOT_YET}

    @pytest.fixture
    def rig(self):
        return TsdbRig()


class TestInMemory(StorageContract):
    excused: ClassVar = {"storage/start-timestamps": NOT_YET}

    @pytest.fixture
    def rig(self):
        return InMemoryRig()
