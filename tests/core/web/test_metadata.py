from __future__ import annotations

from aiohttp.test_utils import TestClient
from tests.core.web.fakeview import FakeView

from narthex.model.labels import Labels
from narthex.model.metadata import FamilyMetadata
from narthex.model.target import Target
from narthex.scrape.status import PoolStatus, TargetStatus

UP = FamilyMetadata("gauge", "Up, says the active target.")
OLD = FamilyMetadata("gauge", "Up, says one that is gone.")
GONE = FamilyMetadata("counter", "Only of one that is gone.", "bytes")


def shown(family: FamilyMetadata) -> dict[str, str]:
    return {"type": family.type, "help": family.help, "unit": family.unit}


async def data(client: TestClient, **params: str) -> dict[str, object]:
    answer = await client.get("/api/v1/metadata", params=params)
    return (await answer.json())["data"]


async def test_active_targets_come_first_and_the_storage_knows_the_others(view: FakeView, client: TestClient) -> None:
    labels = Labels({"instance": "h:1", "job": "j"})
    target = Target("j", labels, "http://h:1/metrics", labels, labels, 1000, 1000)
    view.found_pools = {"j": PoolStatus("j", [TargetStatus(target, metadata={"up": UP})])}
    view.storage.note_metadata(Labels({"instance": "h:2", "job": "j"}), {"up": OLD, "gone": GONE})
    assert await data(client) == {"up": [shown(UP)], "gone": [shown(GONE)]}
    assert list(await data(client, limit="1")) == ["up"]
    assert await data(client, metric="gone") == {"gone": [shown(GONE)]}
    assert await data(client, metric="nothing") == {}
    view.found_pools = {}
    assert await data(client) == {"gone": [shown(GONE)], "up": [shown(OLD)]}
