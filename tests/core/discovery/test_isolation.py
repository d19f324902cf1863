"""Whatever one discoverer does, the others' groups and the main loop go on, and the culprit is named."""

from __future__ import annotations

import asyncio
import sys
import threading
import time

import pytest

from narthex.discovery.state import State


@pytest.fixture
async def supervisor(kit):
    threads = set(threading.enumerate())
    made = kit.isolated()
    yield made
    await made.stop(2.0)
    await kit.until(lambda: not [one for one in set(threading.enumerate()) - threads if "discovery" in one.name])


def status_of(supervisor, kind):
    return next(one for one in supervisor.status() if one.kind == kind)


def failures(kit, supervisor, reason):
    status = status_of(supervisor, "bad")
    whose = {"provider": status.provider, "kind": "bad", "plugin": "bad_plugin", "distribution": "bad-dist"}
    return kit.value("narthex_discovery_failures_total", name="scrape", reason=reason, **whose) or 0


def counting(kit):
    """A discoverer whose targets tell how often it has turned."""

    async def run(publish, context):
        number = 0
        while True:
            number += 1
            publish([kit.group("s", f"h:{number}")])
            await asyncio.sleep(0.01)

    return run


async def beside(kit, supervisor, run):
    """Start a misbehaving discoverer beside a good one; returns a check that the good one still turns."""
    await supervisor.apply({"bad": [kit.block("x", run, "bad")], "good": [kit.block("y", counting(kit))]})
    await kit.until(lambda: kit.addresses(supervisor, "good"))

    async def still_turns():
        before = kit.addresses(supervisor, "good")
        await kit.until(lambda: kit.addresses(supervisor, "good") != before)

    return still_turns


def named(caplog, message):
    """The one line that says it; a failure is logged once, however often it comes back."""
    (record,) = [one for one in caplog.records if one.message == message]
    assert (record.plugin, record.distribution) == ("bad_plugin", "bad-dist 1.2")
    return record


async def test_one_that_raises(kit, supervisor, caplog):
    async def run(publish, context):
        raise RuntimeError("broken")

    still_turns = await beside(kit, supervisor, run)
    await kit.until(lambda: failures(kit, supervisor, "raised") >= 3)
    await still_turns()
    assert named(caplog, "Discovery failed; the old groups stay").err == "RuntimeError: broken"
    assert status_of(supervisor, "bad").state is State.RETRYING


async def test_one_that_hangs(kit, supervisor, caplog):
    async def run(publish, context):
        await kit.forever()

    still_turns = await beside(kit, supervisor, run)
    await kit.until(lambda: failures(kit, supervisor, "silent") == 1)
    await still_turns()
    named(caplog, "Discovery is silent")


@pytest.mark.parametrize(
    ("rubbish", "why"),
    [
        (None, "published None"),
        ("text", "published str"),
        ([{"targets": []}], "published dict as group 0"),
        (lambda kit: [kit.group(7, "h:1")], "source is int"),
        (lambda kit: [kit.group("s", 7)], "label '__address__' is int"),
        (lambda kit: [kit.group("s", "h:1", zone=None)], "label 'zone' is None"),
    ],
)
async def test_one_that_publishes_rubbish(kit, supervisor, caplog, rubbish, why):
    async def run(publish, context):
        publish([kit.group("s", "good:1")])
        await asyncio.sleep(0.05)
        publish(rubbish(kit) if callable(rubbish) else rubbish)

    still_turns = await beside(kit, supervisor, run)
    await kit.until(lambda: failures(kit, supervisor, "rejected") >= 1)
    assert kit.addresses(supervisor, "bad") == ["good:1"]
    await still_turns()
    assert any(why in one.err for one in caplog.records if "Rejected" in one.message)


async def test_one_that_calls_sys_exit(kit, supervisor, caplog):
    async def run(publish, context):
        sys.exit(3)

    still_turns = await beside(kit, supervisor, run)
    await kit.until(lambda: failures(kit, supervisor, "exit") >= 2)
    await still_turns()
    assert named(caplog, "Discovery failed; the old groups stay").err == "SystemExit: 3"


async def test_one_whose_background_task_calls_sys_exit(kit, supervisor, caplog):
    async def leave():
        sys.exit(3)

    async def run(publish, context):
        task = asyncio.create_task(leave())
        await kit.forever()
        await task

    still_turns = await beside(kit, supervisor, run)
    await kit.until(lambda: failures(kit, supervisor, "exit") == 1)
    await still_turns()
    assert "SystemExit: 3" in named(caplog, "Discovery failed").err


async def test_one_that_cancels_itself(kit, supervisor):
    async def run(publish, context):
        raise asyncio.CancelledError

    still_turns = await beside(kit, supervisor, run)
    await kit.until(lambda: failures(kit, supervisor, "raised") >= 2)
    await still_turns()


async def test_one_that_blocks_the_loop(kit, supervisor, caplog):
    release = threading.Event()

    async def run(publish, context):
        publish([kit.group("s", "bad:1")])
        await asyncio.sleep(0.1)
        release.wait(20)
        publish([kit.group("s", "bad:2")])
        await kit.forever()

    still_turns = await beside(kit, supervisor, run)
    try:
        await kit.until(lambda: failures(kit, supervisor, "blocked") == 1)
        await still_turns()
        record = named(caplog, "Discovery blocks its event loop")
        assert "conftest.py" in record.err or "test_isolation.py" in record.error_text
        status = status_of(supervisor, "bad")
        assert status.state is State.BLOCKED
        assert kit.addresses(supervisor, "bad") == ["bad:1"]
        assert status_of(supervisor, "good").state is State.OK
    finally:
        release.set()
    await kit.until(lambda: kit.addresses(supervisor, "bad") == ["bad:2"])
    await kit.until(lambda: status_of(supervisor, "bad").state is State.OK)
    assert status_of(supervisor, "bad").restarts == 0


async def test_one_that_blocks_in_a_callback_is_found_by_taking_all_apart(kit, supervisor, caplog):
    release = threading.Event()

    async def run(publish, context):
        publish([kit.group("s", "bad:1")])
        asyncio.get_running_loop().call_later(0.05, release.wait, 20)
        await kit.forever()

    still_turns = await beside(kit, supervisor, run)
    try:
        await kit.until(lambda: failures(kit, supervisor, "blocked") == 1)
        await still_turns()
        named(caplog, "Discovery blocks its event loop")
    finally:
        release.set()


async def test_the_main_loop_turns_while_a_discoverer_blocks(kit, supervisor):
    release, waited = threading.Event(), threading.Event()

    async def run(publish, context):
        release.wait(20)
        waited.set()

    await supervisor.apply({"bad": [kit.block("x", run, "bad")]})
    try:
        await kit.until(lambda: status_of(supervisor, "bad").state is State.BLOCKED)
        for _ in range(100):
            await asyncio.sleep(0)
        assert not waited.is_set()  # the turns did not have to wait for the end of the block
    finally:
        release.set()


async def test_one_that_floods_updates(kit, supervisor):
    async def run(publish, context):
        number = 0
        while True:
            number += 1
            publish([kit.group("s", f"h:{number}")])
            await asyncio.sleep(0)

    still_turns = await beside(kit, supervisor, run)
    await kit.until(lambda: (kit.value("prometheus_sd_received_updates_total", name="scrape") or 0) > 2000)
    await still_turns()
    assert "good" in await supervisor.changes() or "good" in await supervisor.changes()


async def test_one_that_leaves_tasks_behind(kit, supervisor, caplog):
    stopped = threading.Event()

    async def forgotten():
        try:
            await kit.forever()
        finally:
            stopped.set()

    async def run(publish, context):
        publish([])
        run.task = asyncio.create_task(forgotten(), name="forgotten")
        await asyncio.sleep(0)

    still_turns = await beside(kit, supervisor, run)
    await kit.until(lambda: failures(kit, supervisor, "leaked") == 1)
    await kit.until(stopped.is_set)
    await still_turns()
    assert "forgotten" in named(caplog, "Discovery failed").err


async def test_stop_leaves_a_blocked_discoverer_behind_and_names_it(kit):
    release = threading.Event()

    async def run(publish, context):
        release.wait(20)

    supervisor = kit.isolated()
    await supervisor.apply({"bad": [kit.block("x", run, "bad")], "good": [kit.block("y", counting(kit))]})
    await kit.until(lambda: status_of(supervisor, "bad").state is State.BLOCKED)
    assert await supervisor.stop(0.2) == ["bad/0"]
    release.set()
    await kit.until(lambda: not [one for one in threading.enumerate() if one.name.startswith("discovery-")])


class SlowToRead(list):
    """Groups that take their time while they are read, as 100,000 of them do."""

    def __init__(self, groups, seconds):
        super().__init__(groups)
        self.seconds = seconds

    def __iter__(self):
        time.sleep(self.seconds)
        return super().__iter__()


@pytest.mark.parametrize(("ours", "blamed"), [(10, False), (1, True)])
async def test_a_publish_that_takes_long_to_be_checked_is_not_blamed_on_the_discoverer_at_once(
    kit, supervisor, monkeypatch, ours, blamed
):
    monkeypatch.setattr("narthex.discovery.watchdog.OURS", ours)

    async def run(publish, context):
        publish(SlowToRead([kit.group("s", "h:1")], 3 * kit.QUICK.block_limit))
        await kit.forever()

    await supervisor.apply({"bad": [kit.block("x", run, "bad")]})
    await kit.until(
        lambda: kit.addresses(supervisor, "bad") == ["h:1"] and status_of(supervisor, "bad").state is State.OK
    )
    assert bool(failures(kit, supervisor, "blocked")) is blamed
