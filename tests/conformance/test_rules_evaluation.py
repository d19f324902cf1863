"""Rules over time: the series they write, the alerts they hold, and what survives a restart."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from tests.conformance.cases import decoded, params

from narthex.config.rulefile import RuleConfig
from narthex.config.types import Duration
from narthex.model.labels import Labels
from narthex.model.sample import STALE_NAN_BITS
from narthex.promql.engine import Engine
from narthex.promql.testlang.loading import load_into
from narthex.promql.testlang.reader import read_script
from narthex.rules.alerting import State
from narthex.rules.definition import GroupDefinition
from narthex.rules.group import Group, Services
from narthex.rules.metrics import RuleMetrics
from narthex.rules.options import RuleOptions
from narthex.testing.clock import FakeClock
from narthex.testing.storage import MemoryStorage


def duration(text):
    return Duration.parse(text or "0s")


def load(storage, text):
    """Write a ``load`` block: its first line gives the step, every other one a series."""
    for command in read_script(text).commands:
        load_into(storage, command)


def rule_of(given):
    return RuleConfig(
        record=given.get("record", ""),
        alert=given.get("alert", ""),
        expr=given["expr"],
        for_=duration(given.get("for")),
        keep_firing_for=duration(given.get("keep_firing_for")),
        labels=given.get("labels", {}),
        annotations=given.get("annotations", {}),
    )


@pytest.fixture
def storage():
    return MemoryStorage()


@pytest.fixture
def group_of(storage):
    """Builds the case's group over the storage; ``restored`` is False after a restart."""
    with ThreadPoolExecutor(1) as executor:
        engine = Engine(storage)

        def build(case, *, query_offset=None, restored=True):
            options = RuleOptions(
                external_labels=Labels(case.get("external_labels", {})),
                external_url=case.get("external_url", ""),
                for_outage_tolerance=duration(case.get("for_outage_tolerance") or "1h"),
                for_grace_period=duration(case.get("for_grace_period") or "10m"),
            )
            offset = duration(query_offset or case.get("query_offset"))
            definition = GroupDefinition(
                "file", "group", 1000, case.get("limit", 0), offset, (rule_of(case["rule"]),), options
            )
            metrics = RuleMetrics(CollectorRegistry())
            services = Services(
                storage, engine.parse, engine.instant, lambda alerts: None, FakeClock(0.0), executor, metrics
            )
            return Group(definition, services, restored=restored)

        yield build


def at(storage, name, when):
    """The samples of a metric at one time, as the suite writes them; series that ended there have none."""
    found = []
    for labels, samples in storage.samples(name=name).items():
        value = dict(samples).get(when)
        if value is not None and not is_stale(value):
            found.append((labels, value))
    return sorted(found)


def is_stale(value):
    return int(np.float64(value).view(np.int64)) == STALE_NAN_BITS


def expected(samples):
    return sorted((Labels(one["labels"]), decoded(one["value"])) for one in samples)


@pytest.mark.parametrize(
    "case", [one for one in params("rules/evaluation.json") if "absent" in one.id or one.values[0].get("steps")]
)
async def test_rule_evaluates_as_in_prometheus(case, storage, group_of):
    load(storage, case["load"])
    group = group_of(case)
    offset = group.definition.query_offset
    for step in case["steps"]:
        await group.evaluate(step["at_ms"])
        written = step["at_ms"] - offset
        health = group.rules[0].health
        assert health.error == step.get("error", "")
        if "alerts" in step:
            assert at(storage, "ALERTS", written) == expected(step["alerts"])
        if "for_state" in step:
            assert at(storage, "ALERTS_FOR_STATE", written) == expected(step["for_state"])
            assert all(one["timestamp_ms"] == written for one in step["for_state"])
        if "series" in step:
            assert at(storage, case["rule"]["record"], written) == expected(step["series"])
    for name, samples in case.get("expected_storage", {}).items():
        (found,) = storage.samples(name=name).values()
        assert [[when, "StaleNaN" if is_stale(value) else value] for when, value in found] == samples


@pytest.mark.parametrize(
    "case", [one for one in params("rules/evaluation.json") if "absent" in one.id or not one.values[0].get("steps")]
)
async def test_alerts_are_restored_as_in_prometheus(case, storage, group_of):
    load(storage, case["load"])
    before = group_of(case)
    for seconds in case["before_restart_evals_s"]:
        await before.evaluate(seconds * 1000)
    before.close()
    after = group_of(case, query_offset=case["query_offset_after_restart"], restored=False)
    now = case["restart_eval_s"] * 1000
    await after.evaluate(now)
    await after.restore(now)
    (rule,) = after.rules
    active = {one.labels: one.active_at / 1000 for one in rule.alerts.values() if one.state is not State.INACTIVE}
    assert active == {Labels(one["labels"]): one["active_at_s"] for one in case["active_after_restore"]}
