"""Prometheus's alert generator compliance rules, driven over series that this file writes.

The suite's directory holds the rules but no timelines (``cases.json``). What is expected here follows from the rules
and from when alerts are due: 30 seconds lie between evaluations, and the resend delay is one minute.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from tests.conformance.cases import ROOT

from narthex.config.rules import load_rule_file
from narthex.model.labels import Labels
from narthex.promql.engine import Engine
from narthex.rules.definition import definitions
from narthex.rules.expansion import check_template
from narthex.rules.group import Group, Services
from narthex.rules.metrics import RuleMetrics
from narthex.rules.options import RuleOptions
from narthex.storage.protocol import Batch
from narthex.testing.clock import FakeClock
from narthex.testing.storage import MemoryStorage

RULES = ROOT / "compliance" / "alert_generator" / "rules.yaml"
pytestmark = pytest.mark.skipif(not RULES.exists(), reason=f"{RULES} is absent")

START = 1_700_000_000_000
STEP, INTERVAL = 15_000, 30_000
OPTIONS = RuleOptions(external_url="http://mon.example", resend_delay=60_000)


class Drive:
    """One group over a storage; ``sent`` holds ``(seconds, alert)``."""

    def __init__(self, name, executor):
        self.storage, self.sent, self.now = MemoryStorage(), [], 0
        engine = Engine(self.storage)
        services = Services(
            storage=self.storage,
            parse=engine.parse,
            query=engine.instant,
            send=lambda alerts: self.sent.extend((self.now, one) for one in alerts),
            clock=FakeClock(),
            executor=executor,
            metrics=RuleMetrics(CollectorRegistry()),
        )
        file = load_rule_file(RULES, check_expr=lambda _: None, check_template=check_template)
        found = {one.name: one for one in definitions({"rules.yaml": file}, OPTIONS)}
        self.group = Group(found[name], services, restored=True)

    def series(self, values, **labels):
        """Write a series, 15 seconds apart."""
        lane = self.storage.open_lane(STEP, 0)
        lane.extend(self.storage.register([Labels({"__name__": "alert_generator_test_suite", **labels})]))
        for at, value in enumerate(values):
            self.storage.append(Batch(lane, START + at * STEP, np.array([value], dtype=np.float64)))

    async def play(self, seconds):
        """Evaluate every 30 seconds; returns, for each time, the states of the rules' alerts."""
        timeline = {}
        for self.now in range(0, seconds + 1, INTERVAL // 1000):
            await self.group.evaluate(START + self.now * 1000)
            rules = self.group.status().rules
            assert [one.last_error for one in rules] == [""] * len(rules)
            timeline[self.now] = [[one.state for one in rule.alerts] for rule in rules]
        return timeline

    def notified(self, name):
        """When an alert was sent, and whether as firing (None) or as resolved since so many seconds."""
        return [
            (when, one.ends_at - START / 1000 if one.is_resolved(START / 1000 + when) else None)
            for when, one in self.sent
            if one.labels["alertname"] == name
        ]


@pytest.fixture
def drive():
    with ThreadPoolExecutor(1) as executor:
        yield lambda name: Drive(name, executor)


def steps(*parts):
    """``(value, minutes)`` pairs as samples 15 seconds apart."""
    return [value for value, minutes in parts for _ in range(int(minutes * 4))]


async def test_pending_firing_and_resolved(drive):
    name = "PendingAndFiringAndResolved_SimpleAlert"
    world = drive("PendingAndFiringAndResolved")
    world.series(steps((3, 2), (15, 10), (5, 20)), alertname=name, rulegroup="PendingAndFiringAndResolved")
    timeline = await world.play(32 * 60)
    for when, (states,) in timeline.items():
        expected = ["pending"] if 120 <= when < 480 else ["firing"] if 480 <= when < 720 else []
        assert states == expected, when
    # resent when more than a minute has passed, which at 30 seconds between evaluations is every 90 seconds
    firing = [(when, None) for when in (480, 570, 660)]
    resolved = [(when, 720.0) for when in range(720, 720 + 15 * 60 + 1, 90)]
    assert world.notified(name) == firing + resolved
    first = world.sent[0][1]
    assert first.labels == Labels({"alertname": name, "foo": "bar", "rulegroup": "PendingAndFiringAndResolved"})
    assert first.annotations == Labels({"description": "SimpleAlert is firing", "summary": "The value is 15 15"})
    assert (first.starts_at, first.ends_at) == (START / 1000 + 480, START / 1000 + 480 + 240)
    assert first.generator_url.startswith("http://mon.example/graph?g0.expr=")


async def test_pending_that_ends_and_always_inactive_send_nothing(drive):
    world = drive("PendingAndResolved_AlwaysInactive")
    for suffix in ("PendingAlert", "InactiveAlert"):
        name = f"PendingAndResolved_AlwaysInactive_{suffix}"
        world.series(steps((5, 1), (15, 2), (5, 3)), alertname=name, rulegroup="PendingAndResolved_AlwaysInactive")
    timeline = await world.play(6 * 60)
    assert {when for when, (pending, _) in timeline.items() if pending} == set(range(60, 180, 30))
    assert all(not inactive for _, inactive in timeline.values())
    assert world.sent == []


async def test_zero_and_small_for(drive):
    world = drive("ZeroFor_SmallFor")
    for suffix in ("ZeroFor", "SmallFor"):
        world.series(
            steps((5, 1), (15, 4), (5, 2)), alertname=f"ZeroFor_SmallFor_{suffix}", rulegroup="ZeroFor_SmallFor"
        )
    for number in ("2", "1"):
        world.series(steps((float(number), 7)), rulegroup="ZeroFor_SmallFor", **{"for": "template", "id": number})
    timeline = await world.play(7 * 60)
    assert [timeline[when] for when in (30, 60, 90, 270, 300)] == [
        [[], []],
        [["firing"], ["pending"]],
        [["firing"], ["firing"]],
        [["firing"], ["firing"]],
        [[], []],
    ]
    assert world.notified("ZeroFor_SmallFor_ZeroFor") == [
        *((60, None), (150, None), (240, None)),
        *((300, 300.0), (390, 300.0)),
    ]
    texts = {one.labels["alertname"]: one.annotations for _, one in world.sent}
    assert texts["ZeroFor_SmallFor_ZeroFor"]["template_test"] == (
        "1.049M 1Mi 2m 15s 95.9% 2022-01-25 12:36:43 +0000 UTC"
    )
    assert texts["ZeroFor_SmallFor_ZeroFor"]["template_query_test"] == "Args are: foo bar 99. first_id:1,1:1,2:2,"
    assert texts["ZeroFor_SmallFor_SmallFor"]["template_test"] == (
        "This Part IS TESTING the strings. ::1 127.0.0.1. 7815. replaced text. ."
    )


async def test_alerts_based_on_the_alerts_of_an_earlier_rule(drive):
    name = "NewAlerts_OrderCheck_Rule1"
    world = drive("NewAlerts_OrderCheck")
    for variant, low in (("one", 1), ("two", 3)):
        values = steps((5, low), (15, 8 - low), (5, 2))
        world.series(values, alertname=name, rulegroup="NewAlerts_OrderCheck", variant=variant)
    timeline = await world.play(9 * 60)
    assert timeline[210] == [["pending", "pending"], []]
    assert sorted(timeline[240][0]) == ["firing", "pending"]
    assert timeline[330][1] == []
    assert timeline[360] == [["firing", "firing"], ["firing"]]  # the second rule sees what the first has just written
    assert timeline[480] == [[], []]
    second = next(one for _, one in world.sent if one.labels["alertname"] == "NewAlerts_OrderCheck_Rule2")
    assert second.starts_at == START / 1000 + 360
    expected = {"alertname": "NewAlerts_OrderCheck_Rule2", "ba_dum": "tss", "foo": "baz", "alertstate": "firing"}
    assert second.labels == Labels({**expected, "rulegroup": "NewAlerts_OrderCheck"})
    assert second.annotations["description"] == f"Based on ALERTS. Old alertname was {name}. foo was bar."
