from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from narthex.clock import SystemClock
from narthex.config.scrape import DiscoveryConfig
from narthex.discovery.once import discover_once
from narthex.errors import DiscoveryError
from narthex.kinds import DiscoveryKind
from narthex.model.targetgroup import TargetGroup
from narthex.plugins.catalog import Catalog, Contribution, Origin


@dataclass(frozen=True)
class Config:
    target: str = ""
    raises: bool = False
    ends: bool = False


class Discoverer:
    def __init__(self, config, context):
        self.config = config

    async def run(self, publish):
        if self.config.ends:
            return
        if self.config.raises:
            raise DiscoveryError("the backend is away")
        if self.config.target:
            publish([TargetGroup("s", ({"__address__": self.config.target},))])
        await asyncio.Event().wait()


KIND = DiscoveryKind("test", Config, Discoverer)
CATALOG = Catalog(discovery={"test": Contribution(KIND, Origin("p", "narthex", "test"))})


def discover(wanted, *, seconds=30.0, progress=None):
    blocks = {job: [DiscoveryConfig("test", one) for one in configs] for job, configs in wanted.items()}
    return discover_once(CATALOG, blocks, SystemClock(), seconds=seconds, progress=progress)


async def test_it_ends_when_every_block_has_answered_or_failed():
    found = await discover({"a": [Config("x:1"), Config(raises=True)], "b": [Config("y:1")]})
    assert [one.group.targets for one in found.groups["a"]] == [({"__address__": "x:1"},)]
    assert [one.group.targets for one in found.groups["b"]] == [({"__address__": "y:1"},)]
    (failed,) = found.failed
    assert failed.jobs == ("a",)
    assert "the backend is away" in failed.last_error


async def test_a_block_that_ends_without_a_word_has_said_that_there_is_nothing():
    found = await discover({"a": [Config(ends=True)]})
    assert found.failed == []
    assert found.groups["a"] == ()


async def test_equal_blocks_are_asked_once():
    found = await discover({"a": [Config("x:1")], "b": [Config("x:1")]})
    assert len(found.discoverers) == 1
    assert found.groups["a"] == found.groups["b"]


async def test_a_silent_block_is_waited_for_no_longer_than_allowed():
    found = await discover({"a": [Config("x:1"), Config()]}, seconds=2.0)
    assert len(found.groups["a"]) == 1
    assert [one.last_error for one in found.failed] == [""]


async def test_progress_ends_with_all_blocks():
    told = []
    await discover({"a": [Config("x:1"), Config("y:1")]}, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (2, 2)


async def test_nothing_to_ask_is_answered_at_once():
    assert (await discover({"a": []})).groups == {"a": ()}


@pytest.mark.parametrize(
    ("run", "what"), [(lambda self, publish: None, "NoneType"), (lambda self, publish: iter(()), "tuple_iterator")]
)
async def test_a_run_that_is_not_async_is_told_how_it_must_be(run, what):
    kind = DiscoveryKind("plain", Config, lambda config, context: type("Plain", (), {"run": run})())
    catalog = Catalog(discovery={"plain": Contribution(kind, Origin("p", "narthex", "test"))})
    found = await discover_once(catalog, {"a": [DiscoveryConfig("plain", Config())]}, SystemClock(), seconds=30.0)
    (failed,) = found.failed
    assert failed.last_error == f"run returned {what}; it must be async def run(self, publish), without yield"
