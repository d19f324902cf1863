"""What targets say of their families reaches the storage: changes only, and the end."""

from __future__ import annotations

from collections import Counter

import pytest

from narthex.model.metadata import FamilyMetadata
from narthex.testing.storage import MemoryStorage

BODY = "# TYPE a gauge\n# HELP a First.\na 1\n"


class Listening(MemoryStorage):
    """Counts what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: Counter[str] = Counter()

    def note_metadata(self, target, families):
        self.told[target["instance"]] += 1
        super().note_metadata(target, families)


@pytest.fixture
def listening(bench):
    bench.storage = Listening()
    return bench.storage


async def test_a_storage_is_told_what_changed_and_nothing_while_nothing_does(bench, listening, target, found):
    pool = bench.pool()
    pool.sync(found(target("h:1"), target("h:2"), target("h:3")))
    bench.client.body = BODY
    await bench.clock.advance(60)
    assert listening.told == {"h:1": 1, "h:2": 1, "h:3": 1}
    assert listening.metadata() == {"a": [FamilyMetadata("gauge", "First.")]}
    bench.client.body = BODY.replace("First.", "Better.")
    await bench.clock.advance(60)
    assert listening.told == {"h:1": 2, "h:2": 2, "h:3": 2}
    assert listening.metadata() == {"a": [FamilyMetadata("gauge", "Better.")]}


async def test_a_family_that_vanished_is_told_of_for_ten_more_scrapes(bench, listening, target, found):
    pool = bench.pool()
    pool.sync(found(target()))
    bench.client.body = BODY + "# TYPE b counter\nb 1\n"
    await bench.clock.advance(15)
    bench.client.body = BODY
    await bench.clock.advance(50)
    assert set(listening.metadata()) == {"a", "b"}
    await bench.clock.advance(100)
    assert set(listening.metadata()) == {"a"}


async def test_a_target_that_is_gone_has_ended(bench, listening, target, found):
    pool = bench.pool()
    pool.sync(found(target()))
    bench.client.body = BODY
    await bench.clock.advance(15)
    listening._now = bench.clock.now
    pool.sync(found())
    await bench.clock.advance(60)
    ((labels, entry),) = listening._metadata.entries()
    assert labels["instance"] == "h:1"
    assert entry.ended
