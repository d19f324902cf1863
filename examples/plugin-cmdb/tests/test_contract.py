"""The contract that Narthex ships for discoverers."""

from __future__ import annotations

import pytest
from narthex_cmdb.conformance import CmdbRig

from narthex.testing.contract import DiscoveryContract


class TestContract(DiscoveryContract):
    @pytest.fixture
    def rig(self):
        return CmdbRig()
