"""Spreading alerts: labels, relabeling, isolation between destinations, and what a reload keeps."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.waiting import PATIENCE

from narthex.config.relabel import RelabelConfig
from narthex.config.sections import ReceiverConfig
from narthex.errors import PluginError
from narthex.model.targetgroup import TargetGroup
from narthex.notify.handoff import Handoff
from narthex.relabel.rules import Rules

DROP_INFO = RelabelConfig(source_labels=("severity",), regex="info", action="drop")


@contextlib.asynccontextmanager
async def running(made: Handoff) -> AsyncIterator[Handoff]:
    following = asyncio.create_task(made.follow())
    try:
        yield made
    finally:
        following.cancel()
        await made.stop()


@pytest.fixture
async def handoff(kit: Any) -> AsyncIterator[Handoff]:
    async with running(kit.handoff()) as made:
        yield made


async def ready(kit: Any, handoff: Handoff, *addresses: str) -> None:
    await kit.until(lambda: handoff.alertmanagers()[0] == [kit.url(one) for one in addresses])


async def test_every_alertmanager_gets_every_alert(kit: Any, handoff: Handoff) -> None:
    await handoff.apply([kit.block("a:1", "b:1"), kit.block("c:1")], Rules(), {}, ())
    await ready(kit, handoff, "a:1", "b:1", "c:1")
    handoff.send(kit.alerts("x", "y"))
    for address in ("a:1", "b:1", "c:1"):
        await kit.until(lambda address=address: kit.net.names(address) == ["x", "y"])


async def test_external_labels_are_added_where_absent(kit: Any, handoff: Handoff) -> None:
    await handoff.apply([kit.block("a:1")], Rules(), {"region": "here", "team": "ours"}, ())
    await ready(kit, handoff, "a:1")
    handoff.send(kit.alerts("x", team="theirs"))
    await kit.until(lambda: kit.net.told)
    assert kit.net.told[kit.url("a:1")][0]["labels"] == {"alertname": "x", "region": "here", "team": "theirs"}


async def test_alerts_are_relabelled_for_all_and_then_for_one(kit: Any, handoff: Handoff) -> None:
    mark = RelabelConfig(target_label="via", replacement="first")
    strip = RelabelConfig(regex="region", action="labeldrop")
    blocks = [kit.block("a:1", alert_rules=(mark,)), kit.block("b:1")]
    await handoff.apply(blocks, kit.rules(DROP_INFO, strip), {"region": "here"}, ())
    await ready(kit, handoff, "a:1", "b:1")
    handoff.send([*kit.alerts("x", severity="info"), *kit.alerts("y", severity="page")])
    await kit.until(lambda: len(kit.net.told) == 2)
    assert kit.net.told[kit.url("a:1")][0]["labels"] == {"alertname": "y", "severity": "page", "via": "first"}
    assert kit.net.told[kit.url("b:1")][0]["labels"] == {"alertname": "y", "severity": "page"}
    assert [kit.net.names(one) for one in ("a:1", "b:1")] == [["y"], ["y"]]


async def test_a_relabel_action_that_breaks_loses_no_alert_and_is_logged_once(
    kit: Any, handoff: Handoff, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(labels: dict[str, str]) -> dict[str, str]:
        if labels["alertname"] == "x":
            raise KeyError("colour")
        return {**labels, "seen": "yes"}

    await handoff.apply([kit.block("a:1")], Rules([broken], ["paint of acme 1.0"]), {}, ())
    await ready(kit, handoff, "a:1")
    for _ in range(3):
        handoff.send(kit.alerts("x", "y"))
    await kit.until(lambda: len(kit.net.names("a:1")) == 6)
    assert [alert["labels"].get("seen") for alert in kit.net.told[kit.url("a:1")]] == [None, "yes"] * 3
    (record,) = [one for one in caplog.records if "relabeling fails" in one.message]
    assert "paint of acme 1.0" in record.err


async def test_a_dead_and_a_hanging_alertmanager_delay_nobody(kit: Any, handoff: Handoff) -> None:
    kit.net.dead.add(kit.url("dead:1"))
    kit.net.hanging[kit.url("slow:1")] = asyncio.Event()
    await handoff.apply([kit.block("dead:1", "slow:1", "good:1")], Rules(), {}, ())
    await ready(kit, handoff, "dead:1", "slow:1", "good:1")
    for name in ("x", "y", "z"):
        handoff.send(kit.alerts(name))
    await kit.until(lambda: kit.net.names("good:1") == ["x", "y", "z"])
    await kit.until(lambda: kit.value("dropped_total", "dead:1") == 3)
    assert kit.net.names("slow:1") == []


async def test_an_answer_that_is_no_success_counts_as_an_error(kit: Any, handoff: Handoff) -> None:
    kit.net.status[kit.url("a:1")] = 500
    await handoff.apply([kit.block("a:1")], Rules(), {}, ())
    await ready(kit, handoff, "a:1")
    handoff.send(kit.alerts("x"))
    await kit.until(lambda: kit.value("errors_total", "a:1") == 1)
    assert kit.value("sent_total", "a:1") in {None, 0}


# --- discovery and reload -----------------------------------------------------------------------------------------


async def test_alertmanagers_come_and_go_with_discovery(kit: Any, handoff: Handoff) -> None:
    await handoff.apply([kit.block(feed="one")], Rules(), {}, ())
    await kit.until(lambda: "one" in kit.publishers)
    publish = kit.publishers["one"]
    publish([TargetGroup("g", ({"__address__": "a:1"}, {"__address__": "b:1"}))])
    await ready(kit, handoff, "a:1", "b:1")
    publish([TargetGroup("g", ({"__address__": "b:1"},))])
    await ready(kit, handoff, "b:1")
    handoff.send(kit.alerts("x"))
    await kit.until(lambda: kit.net.names("b:1") == ["x"])
    assert kit.net.names("a:1") == []
    assert kit.registry.get_sample_value("prometheus_notifications_alertmanagers_discovered") == 1


async def test_one_alertmanager_that_leaves_still_gets_what_was_queued(kit: Any, handoff: Handoff) -> None:
    gate = kit.net.hanging[kit.url("a:1")] = asyncio.Event()
    await handoff.apply([kit.block("a:1")], Rules(), {}, ())
    await ready(kit, handoff, "a:1")
    handoff.send(kit.alerts("x"))
    await handoff.apply([], Rules(), {}, ())
    gate.set()
    await kit.until(lambda: kit.net.names("a:1") == ["x"])
    await kit.until(lambda: kit.clients[0].closed)


async def test_a_reload_keeps_equal_blocks_with_their_queues_wherever_they_stand(kit: Any, handoff: Handoff) -> None:
    gate = kit.net.hanging[kit.url("a:1")] = asyncio.Event()
    await handoff.apply([kit.block("a:1")], Rules(), {}, ())
    await ready(kit, handoff, "a:1")
    handoff.send(kit.alerts("x", "y"))
    await handoff.apply([kit.block("new:1"), kit.block("a:1")], Rules(), {}, ())
    await ready(kit, handoff, "new:1", "a:1")
    assert len(kit.clients) == 2
    assert not kit.clients[0].closed
    handoff.send(kit.alerts("z"))
    gate.set()
    await kit.until(lambda: kit.net.names("a:1") == ["x", "y", "z"])
    assert kit.net.names("new:1") == ["z"]


async def test_a_reload_does_not_wait_for_a_dead_alertmanager(kit: Any) -> None:
    gate = kit.net.hanging[kit.url("slow:1")] = asyncio.Event()
    async with running(kit.handoff(grace=600)) as handoff:
        await handoff.apply([kit.block("slow:1")], Rules(), {}, ())
        await ready(kit, handoff, "slow:1")
        handoff.send(kit.alerts("x"))
        await asyncio.wait_for(handoff.apply([kit.block("a:1")], Rules(), {}, ()), PATIENCE)
        await ready(kit, handoff, "a:1")
        gate.set()


async def test_the_same_address_in_two_blocks_is_told_by_both_and_twice_in_one_once(kit: Any, handoff: Handoff) -> None:
    await handoff.apply([kit.block("a:1", "a:1"), kit.block("a:1", path_prefix="/")], Rules(), {}, ())
    await ready(kit, handoff, "a:1", "a:1")
    handoff.send(kit.alerts("x"))
    await kit.until(lambda: kit.net.names("a:1") == ["x", "x"])


async def test_a_stop_sends_what_is_queued(kit: Any) -> None:
    gate = kit.net.hanging[kit.url("a:1")] = asyncio.Event()
    async with running(kit.handoff(grace=PATIENCE)) as handoff:
        await handoff.apply([kit.block("a:1")], Rules(), {}, ())
        await ready(kit, handoff, "a:1")
        handoff.send(kit.alerts("x"))
        asyncio.get_running_loop().call_later(0.01, gate.set)
    assert kit.net.names("a:1") == ["x"]
    assert kit.clients[0].closed


# --- receivers ----------------------------------------------------------------------------------------------------


async def test_receivers_get_alerts_without_any_alertmanager(kit: Any, handoff: Handoff) -> None:
    await handoff.apply([], kit.rules(DROP_INFO), {"region": "here"}, (ReceiverConfig(name="ops"),))
    handoff.send([*kit.alerts("x"), *kit.alerts("y", severity="info")])
    await kit.until(lambda: kit.receivers[0].sent)
    (notification,) = kit.receivers[0].sent
    assert (notification.receiver, notification.external_url) == ("ops", "http://narthex")
    assert [dict(alert.labels) for alert in notification.alerts] == [{"alertname": "x", "region": "here"}]


async def test_equal_receivers_go_on_and_changed_ones_are_replaced(kit: Any, handoff: Handoff) -> None:
    await handoff.apply([], Rules(), {}, (ReceiverConfig(name="ops"),))
    await handoff.apply([], Rules(), {}, (ReceiverConfig(name="ops"),))
    assert len(kit.receivers) == 1
    await handoff.apply([], Rules(), {}, (ReceiverConfig(name="others"),))
    handoff.send(kit.alerts("x"))
    await kit.until(lambda: kit.receivers[1].sent)
    await kit.until(lambda: kit.receivers[0].closed)
    assert not kit.receivers[0].sent


async def test_receivers_that_cannot_be_built_leave_everything_as_it_was(kit: Any, handoff: Handoff) -> None:
    await handoff.apply([kit.block("a:1")], Rules(), {"region": "here"}, (ReceiverConfig(name="ops"),))
    await ready(kit, handoff, "a:1")
    kit.receiver_error = PluginError("no token")
    with pytest.raises(PluginError, match="no token"):
        await handoff.apply([kit.block("b:1")], Rules(), {}, (ReceiverConfig(name="others"),))
    handoff.send(kit.alerts("x"))
    await kit.until(lambda: kit.net.told and kit.receivers[0].sent)
    assert kit.net.told[kit.url("a:1")][0]["labels"]["region"] == "here"
    assert handoff.alertmanagers()[0] == [kit.url("a:1")]
