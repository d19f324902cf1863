from __future__ import annotations

from narthex.model.targetgroup import TargetGroup
from narthex.testing.discovery import check_discoverer
from narthex_plugins.static import StaticConfig, StaticDiscoverer


async def test_it_keeps_the_contract_and_numbers_its_sources():
    configs = (StaticConfig(("a:1", "b:2"), {"zone": "x"}), StaticConfig(("c:3",)))
    seen = await check_discoverer(lambda context: StaticDiscoverer(configs, context))
    assert seen.published == [
        (
            TargetGroup("0", ({"__address__": "a:1"}, {"__address__": "b:2"}), {"zone": "x"}),
            TargetGroup("1", ({"__address__": "c:3"},)),
        )
    ]
