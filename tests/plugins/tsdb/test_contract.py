from __future__ import annotations

import pytest

from narthex.testing.storage_contract import StorageContract


class TestOnDisk(StorageContract):
    """The storage keeps the storage contract."""

    @pytest.fixture
    def make(self, make):
        return make


class TestInMemory(StorageContract):
    durable = False

    @pytest.fixture
    def make(self, in_memory):
        return in_memory
