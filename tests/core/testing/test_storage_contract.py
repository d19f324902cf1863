from __future__ import annotations

import pytest

from narthex.testing.storage import MemoryStorage
from narthex.testing.storage_contract import StorageContract


class TestMemoryStorage(StorageContract):
    """The storage that other tests believe keeps the contract as well."""

    durable = False

    @pytest.fixture
    def make(self):
        return MemoryStorage
