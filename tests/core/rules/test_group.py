"""Groups at work: slots, order, health, restoring."""

import asyncio
import logging
import threading
from dataclasses import replace

import numpy as np
import pytest

from narthex.config.rulefile import RuleConfig
from narthex.config.types import Duration
from narthex.errors import QueryError, StorageError
from narthex.model.labels import Labels
from narthex.rules.definition import GroupDefinition
from narthex.rules.group import Group
from narthex.rules.options import RuleOptions
from narthex.rules.slots import first_slot
from narthex.storage.protocol import Batch
from narthex.testing.clock import settle

INTERVAL = 60_000


def definition(*rules, **changes):
    return replace(GroupDefinition("f.yml", "g", INTERVAL, 0, 0, rules, RuleOptions()), **changes)


def record(name, expr, **labels):
    return RuleConfig(record=name, expr=expr, labels=labels)


def alert(name, expr, minutes=0):
    return RuleConfig(alert=name, expr=expr, for_=Duration(minutes * 60_000))


def write(storage, when, **values):
    """One sample for each named metric."""
    lane = storage.open_lane(1, 0)
    lane.extend(storage.register([Labels({"__name__": name}) for name in values]))
    storage.append(Batch(lane, when, np.array(list(values.values()), dtype=np.float64)))


def metric(world, name, group="f.yml;g"):
    return world.registry.get_sample_value(f"prometheus_rule_{name}", {"rule_group": group})


async def until(condition):
    """Let worker threads and the loop go on until it is so."""
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.001)
    pytest.fail("the condition never came true")


async def test_later_rules_see_the_fresh_samples_of_earlier_ones(world):
    group = Group(definition(record("a", "vector(2)"), record("b", "a * 10")), world.services, restored=True)
    await group.evaluate(1_000_000)
    assert world.storage.samples(name="b") == {Labels({"__name__": "b"}): [(1_000_000, 20.0)]}


async def test_query_offset_moves_query_and_samples(world):
    write(world.storage, 940_000, x=5.0)
    group = Group(definition(record("a", "x"), query_offset=60_000), world.services, restored=True)
    await group.evaluate(1_000_000)
    assert list(world.storage.samples(name="a").values()) == [[(940_000, 5.0)]]


async def test_failing_rule_is_marked_and_the_next_goes_on(world, caplog):
    write(world.storage, 1_000_000, x=1.0, y=1.0)
    group = Group(
        definition(record("bad", 'x + on() {__name__=~"x|y"}'), record("good", "x")),
        world.services,
        restored=True,
    )
    with caplog.at_level(logging.INFO, "narthex.rules"):
        for slot in (1_000_000, 1_060_000):
            await group.evaluate(slot)
    bad, good = group.status().rules
    assert bad.health == "err"
    assert bad.last_error
    assert (good.health, good.last_error) == ("ok", "")
    assert [one.getMessage().partition(":")[0] for one in caplog.records] == ["rule evaluation fails"]
    assert metric(world, "evaluation_failures_total") == 2
    assert metric(world, "evaluations_total") == 4


async def test_failed_evaluation_ends_no_series_and_keeps_alerts_unsent(world):
    failing = False

    def query(expr, time):
        if failing:
            raise QueryError("no")
        return world.engine.instant(expr, time)

    services = replace(world.services, query=query)
    group = Group(definition(record("a", "vector(1)"), alert("A", "vector(1)")), services, restored=True)
    await group.evaluate(1_000_000)
    failing = True
    await group.evaluate(1_120_000)
    assert list(world.storage.samples(name="a").values()) == [[(1_000_000, 1.0)]]
    assert [one.state for one in group.rules[1].alerts.values()] == ["firing"]
    assert len(world.sent) == 1


async def test_failing_storage_marks_the_rule(world, monkeypatch):
    def refuse(batch):
        raise StorageError("disk full")

    monkeypatch.setattr(world.storage, "append", refuse)
    group = Group(definition(record("a", "vector(1)")), world.services, restored=True)
    await group.evaluate(1_000_000)
    assert (group.status().rules[0].health, group.status().rules[0].last_error) == ("err", "disk full")


async def test_refused_samples_are_logged_once_and_the_rule_stays_healthy(world, caplog):
    write(world.storage, 5_000_000, a=1.0)
    group = Group(definition(record("a", "vector(1)")), world.services, restored=True)
    for slot in (1_000_000, 1_060_000):
        await group.evaluate(slot)
    assert [one.getMessage() for one in caplog.records] == ["samples of a rule are refused"]
    assert group.status().rules[0].health == "ok"


async def test_fault_in_one_rule_is_logged_with_its_traceback_and_contained(world, caplog):
    def query(expr, time):
        raise ZeroDivisionError("ours")

    group = Group(definition(record("a", "vector(1)")), replace(world.services, query=query), restored=True)
    await group.evaluate(1_000_000)
    await group.evaluate(1_060_000)
    assert group.status().rules[0].last_error == "ZeroDivisionError: ours"
    assert sum(one.exc_info is not None for one in caplog.records) == 1


async def test_limit_clears_alerts_and_error_is_reported(world):
    write(world.storage, 1_000_000, x=1.0, y=1.0)
    rules = (alert("A", 'sum by (n) (label_replace({__name__=~"x|y"}, "n", "$1", "__name__", "(.*)"))'),)
    group = Group(definition(*rules, limit=1), world.services, restored=True)
    await group.evaluate(1_000_000)
    assert group.rules[0].alerts == {}
    assert group.status().rules[0].last_error == "exceeded limit of 1 with 2 alerts"
    assert world.sent == []


async def test_alerts_are_sent_before_their_samples_are_written(world):
    order = []
    append = world.storage.append
    services = replace(world.services, send=lambda alerts: order.append(("sent", len(world.storage.batches))))
    group = Group(definition(alert("A", "vector(1)")), services, restored=True)
    await group.evaluate(1_000_000)
    assert order == [("sent", 0)]
    assert len(world.storage.batches) == 1
    assert append == world.storage.append


async def test_alert_sent_has_link_and_times(world):
    options = RuleOptions(external_url="http://mon/p")
    group = Group(definition(alert("A", "vector( 1 )"), options=options), world.services, restored=True)
    await group.evaluate(1_000_000)
    ((sent,),) = world.sent
    assert sent.labels == Labels({"alertname": "A"})
    assert (sent.starts_at, sent.ends_at) == (1000.0, 1240.0)
    assert sent.generator_url == "http://mon/p/graph?g0.expr=vector%281%29&g0.tab=1"


async def test_status_tells_everything_the_api_shows(world):
    rule = RuleConfig(
        alert="A",
        expr="vector(1)",
        for_=Duration(60_000),
        keep_firing_for=Duration(30_000),
        labels={"s": "x"},
        annotations={"n": "{{ $value }}"},
    )
    group = Group(definition(rule, record("r", "vector(1)")), world.services, restored=True)
    assert [one.health for one in group.status().rules] == ["unknown", "unknown"]
    assert group.status().rules[0].state == "unknown"
    await group.evaluate(1_000_000)
    status = group.status()
    assert (status.file, status.name, status.interval, status.last_evaluation) == (
        "f.yml",
        "g",
        60.0,
        world.clock.now(),
    )
    first, second = status.rules
    assert (first.kind, first.state, first.duration, first.keep_firing_for) == ("alerting", "pending", 60.0, 30.0)
    assert [(one.state, one.active_at, one.value, one.annotations["n"]) for one in first.alerts] == [
        ("pending", 1000.0, 1.0, "1")
    ]
    assert (second.kind, second.name, second.query, second.health) == ("recording", "r", "vector(1)", "ok")


# --- slots ------------------------------------------------------------------------------------------------------------


async def test_evaluations_stand_on_slots_whatever_the_clock_says(world):
    group = Group(definition(record("a", "vector(1)")), world.services, restored=True)
    task = asyncio.create_task(group.run())
    await settle()
    for _ in range(3):
        count = metric(world, "group_iterations_total") or 0
        await world.clock.advance(60)
        await until(lambda count=count: (metric(world, "group_iterations_total") or 0) > count)
    group.stop()
    await task
    (samples,) = world.storage.samples(name="a").values()
    times = [when for when, _ in samples]
    assert [when % INTERVAL for when in times] == [group.definition.place] * 3
    assert np.diff(times).tolist() == [INTERVAL] * 2


async def test_slow_evaluation_skips_slots_and_counts_them(world):
    started, go_on = threading.Event(), threading.Event()
    running = []

    def query(expr, time):
        running.append(time)
        started.set()
        assert go_on.wait(10)
        return world.engine.instant(expr, time)

    group = Group(definition(record("a", "vector(1)")), replace(world.services, query=query), restored=True)
    task = asyncio.create_task(group.run())
    now = world.clock.now()
    await world.clock.advance(first_slot(int(now * 1000), INTERVAL, group.definition.place) / 1000 - now)
    await until(started.is_set)
    await world.clock.advance(200)
    assert len(running) == 1  # never two of one group at once
    go_on.set()
    await until(lambda: len(running) == 2 and metric(world, "group_iterations_total") == 4)
    assert running[1] - running[0] == 3 * INTERVAL
    assert metric(world, "group_iterations_missed_total") == 2
    group.stop()
    await task


async def test_stopping_finishes_the_evaluation_under_way(world):
    started, go_on = threading.Event(), threading.Event()

    def query(expr, time):
        started.set()
        assert go_on.wait(10)
        return world.engine.instant(expr, time)

    group = Group(definition(record("a", "vector(1)")), replace(world.services, query=query), restored=True)
    task = asyncio.create_task(group.run())
    await world.clock.advance(60)
    await until(started.is_set)
    group.stop()
    await settle()
    assert not task.done()
    go_on.set()
    await task
    assert len(world.storage.samples(name="a")) == 1


# --- restart ----------------------------------------------------------------------------------------------------------


async def test_alert_series_are_written_only_after_restoring(world):
    group = Group(definition(alert("A", "vector(1)", minutes=15)), world.services, restored=False)
    for minute in range(3):
        await group.evaluate(minute * INTERVAL)
    (samples,) = world.storage.samples(name="ALERTS").values()
    assert samples == [(2 * INTERVAL, 1.0)]
    assert metric(world, "group_last_restore_duration_seconds") == 0.0


async def test_pending_time_survives_a_restart(world):
    rules = definition(alert("A", "vector(1)", minutes=30))
    before = Group(rules, world.services, restored=True)
    for minute in range(11):
        await before.evaluate(minute * INTERVAL)
    after = Group(rules, world.services, restored=False)
    before.close()
    for minute in (20, 21):
        await after.evaluate(minute * INTERVAL)
    (alert_after,) = after.rules[0].alerts.values()
    assert alert_after.active_at == 11 * INTERVAL  # eleven minutes asleep do not count


async def test_failure_to_restore_is_logged_and_alerts_go_on(world, caplog, monkeypatch):
    group = Group(definition(alert("A", "vector(1)", minutes=30)), world.services, restored=False)
    await group.evaluate(0)

    def refuse(matchers, start, end):
        raise StorageError("not now")

    monkeypatch.setattr(world.storage, "select", refuse)
    await group.evaluate(INTERVAL)
    assert "alerts could not be restored: not now" in caplog.text
    await group.evaluate(2 * INTERVAL)
    assert world.storage.samples(name="ALERTS")
