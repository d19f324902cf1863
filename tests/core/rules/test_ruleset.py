"""Reloading rules while they run."""

import asyncio

import numpy as np
import pytest

from narthex.config.rulefile import RuleConfig, RuleFile, RuleGroupConfig
from narthex.config.types import Duration
from narthex.errors import ConfigError
from narthex.model.labels import Labels
from narthex.model.sample import STALE_NAN_BITS
from narthex.rules.options import RuleOptions
from narthex.rules.ruleset import RuleSet
from narthex.testing.clock import settle

OPTIONS = RuleOptions()


def group(name, *rules, **fields):
    return RuleGroupConfig(name=name, rules=rules, **fields)


def files(*groups, path="f.yml"):
    return {path: RuleFile(groups=groups)}


def record(name, expr="vector(1)", **labels):
    return RuleConfig(record=name, expr=expr, labels=labels)


def alert(name, expr="vector(1)", minutes=0, **labels):
    return RuleConfig(alert=name, expr=expr, for_=Duration(minutes * 60_000), labels=labels)


def iterations(world, title):
    return world.registry.get_sample_value("prometheus_rule_group_iterations_total", {"rule_group": title}) or 0


async def minute(world, *titles):
    """Advance one interval and wait until the named groups have been evaluated."""
    before = [iterations(world, title) for title in titles]
    await world.clock.advance(60)
    for title, count in zip(titles, before, strict=True):
        for _ in range(2000):
            if iterations(world, title) > count:
                break
            await asyncio.sleep(0.001)
        else:
            pytest.fail(f"{title} was not evaluated")
    await settle()


def ended(world, **labels):
    """For each series, whether its last sample is a stale marker."""
    return {
        one: int(np.float64(samples[-1][1]).view(np.int64)) == STALE_NAN_BITS
        for one, samples in world.storage.samples(**labels).items()
    }


@pytest.fixture
async def rules(world):
    ruleset = RuleSet(world.services)
    yield ruleset
    await ruleset.stop()


async def test_groups_are_listed_by_file_and_in_file_order(rules):
    await rules.apply({**files(group("b"), group("a"), path="z.yml"), **files(group("c"), path="a.yml")}, OPTIONS)
    assert [(one.file, one.name) for one in rules.groups()] == [("a.yml", "c"), ("z.yml", "b"), ("z.yml", "a")]


async def test_group_settings_come_from_group_or_options(rules):
    await rules.apply(
        files(
            group("a", record("r", x="rule"), labels={"x": "group", "y": "group"}),
            group("b", interval=Duration(5000), limit=3),
        ),
        RuleOptions(evaluation_interval=30_000, query_offset=2000),
    )
    first, second = rules.groups()
    assert (first.interval, first.query_offset, first.limit) == (30.0, 2.0, 0)
    assert (second.interval, second.limit) == (5.0, 3)
    assert first.rules[0].labels == {"x": "rule", "y": "group"}


async def test_equal_group_goes_on_untouched(rules, world):
    await rules.apply(files(group("g", alert("A", minutes=5))), OPTIONS)
    running = rules._running["f.yml", "g"]
    await rules.apply(files(group("g", alert("A", minutes=5)), group("new")), OPTIONS)
    assert rules._running["f.yml", "g"] is running


async def test_changed_group_takes_over_alerts_and_series(rules, world):
    await rules.apply(files(group("g", alert("A"), record("r"), record("gone"))), OPTIONS)
    for _ in range(3):
        await minute(world, "f.yml;g")
    (before,) = rules.groups()[0].rules[0].alerts
    await rules.apply(files(group("g", record("r", "vector(2)"), alert("A"), alert("B"))), OPTIONS)
    status = rules.groups()[0]
    assert status.rules[1].alerts == (before,)
    assert status.rules[1].health == "ok"
    assert status.rules[2].health == "unknown"
    await minute(world, "f.yml;g")
    assert ended(world, name="r") == {Labels({"__name__": "r"}): False}
    assert ended(world, name="gone") == {Labels({"__name__": "gone"}): True}
    assert rules.groups()[0].rules[1].alerts[0].active_at == before.active_at


async def test_nth_rule_of_a_name_takes_over_the_nth(rules, world):
    twice = (alert("A", "vector(1)"), alert("A", "vector(0) > 1"))
    await rules.apply(files(group("g", *twice)), OPTIONS)
    await minute(world, "f.yml;g")
    await rules.apply(files(group("g", *twice, record("r"))), OPTIONS)
    assert [len(one.alerts) for one in rules.groups()[0].rules] == [1, 0, 0]


async def test_removed_group_ends_its_series_after_two_intervals(rules, world):
    await rules.apply(files(group("g", record("r")), group("h", record("moved", "vector(1)"))), OPTIONS)
    await minute(world, "f.yml;g", "f.yml;h")
    await rules.apply(files(group("k", record("moved", "vector(1)"))), OPTIONS)
    assert iterations(world, "f.yml;g") == 0
    await minute(world, "f.yml;k")
    assert ended(world, name="r") == {Labels({"__name__": "r"}): False}
    await minute(world, "f.yml;k")
    assert ended(world, name="r") == {Labels({"__name__": "r"}): True}
    assert ended(world, name="moved") == {Labels({"__name__": "moved"}): False}


async def test_one_wrong_expression_rejects_the_whole_update(rules, world):
    await rules.apply(files(group("g", record("r"))), OPTIONS)
    running = rules._running["f.yml", "g"]
    with pytest.raises(ConfigError) as caught:
        await rules.apply(files(group("h", record("r", "1 +")), group("k", record("r", "sum("))), OPTIONS)
    assert len(caught.value.problems) == 2
    assert caught.value.problems[0].path == "group 'h'"
    assert list(rules._running.values()) == [running]
    await minute(world, "f.yml;g")


async def test_groups_added_later_need_no_restoring(rules, world):
    await rules.apply(files(group("old", alert("A"))), OPTIONS)
    await rules.apply(files(group("old", alert("A")), group("new", alert("B"))), OPTIONS)
    await minute(world, "f.yml;old", "f.yml;new")
    assert world.storage.samples(name="ALERTS", alertname="A") == {}
    assert len(world.storage.samples(name="ALERTS", alertname="B")) == 1


async def test_changed_options_reach_the_templates(rules, world):
    rule = RuleConfig(alert="A", expr="vector(1)", labels={"dc": "{{ $externalLabels.dc }}"})
    for name in ("eu", "us"):
        await rules.apply(files(group("g", rule)), RuleOptions(external_labels=Labels({"dc": name})))
        await minute(world, "f.yml;g")
    assert {one.labels["dc"] for one in rules.groups()[0].rules[0].alerts} == {"us"}


async def test_stopping_ends_no_series_and_leaves_no_task(world):
    rules = RuleSet(world.services)
    await rules.apply(files(group("g", record("r")), group("gone", record("x"))), OPTIONS)
    await minute(world, "f.yml;g", "f.yml;gone")
    await rules.apply(files(group("g", record("r"))), OPTIONS)
    await rules.stop()
    await rules.stop()
    assert not any(ended(world).values())
    assert all(lane.closed for lane in world.storage.lanes)
    assert len(asyncio.all_tasks()) == 1
