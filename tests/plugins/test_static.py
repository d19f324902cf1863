from __future__ import annotations

import pytest

from narthex.model.targetgroup import TargetGroup
from narthex.testing.contract import DiscoveryContract
from narthex.testing.rigs import DiscoveryRig
from narthex_plugins import static
from narthex_plugins.static import StaticConfig


class StaticRig(DiscoveryRig):
    plugin = static
    kind = "static"
    free_labels = True

    def config(self):
        return (StaticConfig(("a:1", "b:2"), {"zone": "x"}), StaticConfig(("c:3",)))


class TestContract(DiscoveryContract):
    @pytest.fixture
    def rig(self):
        return StaticRig()


async def test_it_numbers_its_sources():
    published = []
    await StaticRig().make().run(published.append)
    assert published == [
        [
            TargetGroup("0", ({"__address__": "a:1"}, {"__address__": "b:2"}), {"zone": "x"}),
            TargetGroup("1", ({"__address__": "c:3"},)),
        ]
    ]
