"""One block of Alertmanagers: what discovery finds, and what it finds wrongly."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from narthex.clock import SystemClock
from narthex.model.targetgroup import TargetGroup
from narthex.notify.block import AlertmanagerBlock, Block
from narthex.notify.metrics import NotifyMetrics
from narthex.notify.sender import Deliver, Sender
from narthex.relabel.rules import Rules


def group(*addresses: str, source: str = "g") -> TargetGroup:
    return TargetGroup(source, tuple({"__address__": one} for one in addresses))


@pytest.fixture
def names() -> list[str]:
    """Every sender that was made, in order."""
    return []


@pytest.fixture
def make(kit: Any, names: list[str]) -> Any:
    metrics = NotifyMetrics(CollectorRegistry())

    def sender(name: str, deliver: Deliver, timeout: float) -> Sender:
        names.append(name)
        clock = SystemClock()
        return Sender(name, deliver, timeout=timeout, capacity=9, batch_size=3, clock=clock, metrics=metrics)

    def block(wanted: Block) -> AlertmanagerBlock:
        return AlertmanagerBlock(wanted, kit._client(None), sender)

    return block


async def test_a_sender_lives_as_long_as_its_alertmanager_is_found(kit: Any, make: Any, names: list[str]) -> None:
    block = make(kit.block())
    for found in (group("a:1"), group("a:1", "b:1"), group("b:1"), group("b:1", "a:1")):
        block.sync([found], drain=True, grace=1)
    assert names == [kit.url(one) for one in ("a:1", "b:1", "a:1")]
    await block.stop(drain=True, grace=1)
    assert kit.clients[0].closed


async def test_a_bad_group_is_logged_once_and_the_others_count(
    kit: Any, make: Any, names: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    block = make(kit.block())
    for _ in range(3):
        block.sync([group("http://a:1", source="bad"), group("b:1")], drain=True, grace=1)
    assert names == [kit.url("b:1")]
    (record,) = [one for one in caplog.records if one.message == "target group of an Alertmanager was discarded"]
    assert "bad: " in record.err
    await block.stop(drain=True, grace=1)


async def test_a_relabel_action_that_breaks_discards_the_group(kit: Any, make: Any, names: list[str]) -> None:
    def broken(labels: dict[str, str]) -> dict[str, str]:
        if labels["__address__"] == "a:1":
            raise KeyError("colour")
        return labels

    block = make(Block(kit.block().config, Rules([broken], ["paint of acme 1.0"]), Rules()))
    block.sync([group("a:1", source="one"), group("b:1", source="two")], drain=True, grace=1)
    assert names == [kit.url("b:1")]
    assert "paint of acme 1.0" in block.endpoints.errors[0]
    await block.stop(drain=True, grace=1)


async def test_a_stop_waits_for_senders_that_are_stopping_already(kit: Any, make: Any) -> None:
    gate = kit.net.hanging[kit.url("a:1")] = asyncio.Event()
    block = make(kit.block())
    block.sync([group("a:1")], drain=True, grace=10)
    block.send(kit.alerts("x"))
    block.sync([], drain=True, grace=10)
    stopping = asyncio.create_task(block.stop(drain=True, grace=10))
    await asyncio.sleep(0)
    assert not stopping.done()
    gate.set()
    await stopping
    assert kit.net.names("a:1") == ["x"]
