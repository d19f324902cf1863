"""A discoverer of several sources of which some fail: shown as degraded while the rest goes on."""

from __future__ import annotations

import asyncio
import threading

from narthex.discovery.ledger import Ledger
from narthex.discovery.state import State
from narthex.model.targetgroup import TargetGroup
from narthex.testing.clock import FakeClock


def ledger() -> Ledger:
    made = Ledger(FakeClock(), lambda: None)
    made.publish(made.begin(), [TargetGroup("a", ({"__address__": "a:1"},))])
    return made


def test_a_part_in_trouble_degrades_until_it_works_again():
    one = ledger()
    tell = one.hearer()
    tell("file a", "torn")
    tell("file b", "gone")
    assert one.state is State.DEGRADED
    assert one.troubles() == (("file a", "torn"), ("file b", "gone"))
    assert one.last_error == "file b: gone"
    tell("file a", "")
    tell("file b", "")
    assert (one.state, one.troubles()) == (State.OK, ())


def test_the_same_trouble_counts_once_and_ends_once():
    one = ledger()
    tell = one.hearer()
    for _ in range(3):
        tell("file a", "torn")
    tell("file b", "")
    assert one.failures() == {"degraded": 1}
    assert one.take().failures == {"degraded": 1}


def test_a_new_run_and_a_newly_built_discoverer_start_without_troubles():
    one = ledger()
    old = one.hearer()
    old("file a", "torn")
    one.begin()
    assert one.troubles() == ()
    new = one.hearer()
    old("file a", "torn")
    assert one.troubles() == ()
    new("file a", "torn")
    assert one.troubles() == (("file a", "torn"),)


async def test_status_and_metrics_show_a_degraded_discoverer_and_its_recovery(kit):
    turn = threading.Event()

    async def run(publish, context):
        publish([kit.group("a", "a:1")])
        context.trouble("name b", "SERVFAIL")
        await asyncio.to_thread(turn.wait, 10)
        context.trouble("name b", "")
        await kit.forever()

    supervisor = kit.isolated()
    whose = {
        "name": "scrape", "provider": "good/0", "kind": "good", "plugin": "good_plugin", "distribution": "good-dist"
    }  # fmt: skip
    try:
        await supervisor.apply({"job": [kit.block("one", run)]})
        await kit.until(lambda: supervisor.status()[0].state is State.DEGRADED)
        (status,) = supervisor.status()
        assert status.troubles == (("name b", "SERVFAIL"),)
        assert (str(status.origin), status.targets) == ("good_plugin (good-dist 1.2)", 1)
        await kit.until(lambda: kit.value("narthex_discovery_up", **whose) == 0)
        assert kit.value("narthex_discovery_failures_total", **whose, reason="degraded") == 1
        turn.set()
        await kit.until(lambda: kit.value("narthex_discovery_up", **whose) == 1)
        assert supervisor.status()[0].state is State.OK
    finally:
        turn.set()
        await supervisor.stop()
