from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import pytest

from narthex.config.types import Duration
from narthex.errors import DiscoveryError
from narthex_sd.dns import DnsConfig
from narthex_sd.dns.config import RecordType
from narthex_sd.dns.discovery import DnsDiscoverer
from narthex_sd.dns.labels import Record
from narthex_sd.dns.lookup import Found

LOOKUPS, FAILURES = "prometheus_sd_dns_lookups_total", "prometheus_sd_dns_lookup_failures_total"
REFRESH_FAILURES = {"mechanism": "dns", "config": "test"}


class Names:
    """What names resolve to: addresses, or an exception to raise."""

    def __init__(self, **names):
        self.found = {f"{name}.": found for name, found in names.items()}
        self.others = ()
        self.busy = self.most = 0

    async def lookup(self, name, kind):
        self.busy += 1
        self.most = max(self.most, self.busy)
        await asyncio.sleep(0)
        self.busy -= 1
        found = self.found[name]
        if isinstance(found, Exception):
            raise found
        return Found(tuple(Record(kind, address) for address in found), self.others)


@pytest.fixture
def looked(polled):
    """The discoverer of all names of a ``Names``, turn by turn."""

    def make(names):
        config = DnsConfig(tuple(names.found), RecordType("A"), 80, Duration(60_000))
        return polled(lambda context: DnsDiscoverer(config, context, names.lookup), "dns/0")

    return make


DOWN = DiscoveryError("SERVFAIL")


async def test_a_failing_name_keeps_its_targets_and_the_others_go_on(looked):
    names = Names(a=["127.0.0.1"], b=["127.0.0.2"])
    one = looked(names)
    await one.turn()
    names.found |= {"a.": DOWN, "b.": ["127.0.0.9"]}
    assert await one.turn() is None
    assert one.addresses == ["127.0.0.1:80", "127.0.0.9:80"]
    assert (one.count(LOOKUPS), one.count(FAILURES)) == (4, 1)
    assert one.count("prometheus_sd_refresh_failures_total", **REFRESH_FAILURES) == 0


async def test_a_name_that_never_had_an_answer_waits_for_one(looked):
    names = Names(a=DOWN, b=["127.0.0.2"])
    one = looked(names)
    await one.turn()
    assert one.addresses == ["127.0.0.2:80"]
    names.found["a."] = ["127.0.0.1"]
    await one.turn()
    assert one.addresses == ["127.0.0.1:80", "127.0.0.2:80"]


async def test_when_all_names_fail_the_refresh_fails_and_all_targets_stay(looked):
    names = Names(a=["127.0.0.1"], b=["127.0.0.2"])
    one = looked(names)
    await one.turn()
    names.found |= {"a.": DOWN, "b.": DOWN}
    error = await one.turn()
    assert (str(error), error.retry_within) == ("SERVFAIL (and 1 more names)", 60)
    assert one.addresses == ["127.0.0.1:80", "127.0.0.2:80"]


async def test_the_first_publish_after_a_failure_is_everything_that_is_known(looked):
    names = Names(a=["127.0.0.1"], b=["127.0.0.2"])
    one = looked(names)
    await one.turn()
    names.found |= {"a.": DOWN, "b.": DOWN}
    await one.turn()
    names.found["b."] = ["127.0.0.2"]
    assert await one.turn() is None
    assert {group.source for group in one.seen.published[-1]} == {"a.", "b."}


async def test_no_records_take_the_targets_away(looked):
    names = Names(a=["127.0.0.1"])
    one = looked(names)
    await one.turn()
    names.found["a."] = []
    assert await one.turn() is None
    assert one.seen.groups == {}


async def test_what_a_lookup_raises_otherwise_hurts_that_name_only(looked):
    names = Names(a=ZeroDivisionError("oops"), b=["127.0.0.2"])
    one = looked(names)
    assert await one.turn() is None
    assert one.addresses == ["127.0.0.2:80"]


async def test_failure_recovery_and_strange_records_are_told_once(looked, caplog):
    caplog.set_level(logging.INFO)
    names = Names(a=DOWN, b=["127.0.0.2"])
    names.others = ("TXT",)
    one = looked(names)
    for _ in range(3):
        await one.turn()
    names.found["a."] = []
    for _ in range(3):
        await one.turn()
    messages = [record.message for record in caplog.records if record.name == "narthex.testing"]
    assert sorted(messages) == [
        "Name can be looked up again",
        "Name cannot be looked up; its old targets stay",
        "Records that were not asked for are left out",
        "Records that were not asked for are left out",
    ]


async def test_many_names_are_looked_up_together_but_not_all_at_once(looked):
    names = Names(**{f"n{number}": [f"127.0.1.{number}"] for number in range(200)})
    one = looked(names)
    await one.turn()
    assert len(one.addresses) == 200
    assert names.most == 64


async def test_a_name_given_twice_is_one_source(polled):
    names = Names(a=["127.0.0.1"])
    config = DnsConfig(("a.", "a."), RecordType("A"), 80)
    one = polled(lambda context: DnsDiscoverer(config, context, names.lookup), "dns/0")
    await one.turn()
    assert [group.source for group in one.seen.published[0]] == ["a."]
    assert one.count(LOOKUPS) == 1


@pytest.mark.parametrize("text", ["srv", "Srv", "aaaa", "mx", "NS"])
def test_types_are_read_in_any_case(text):
    assert RecordType.parse(text) == text.upper()


async def test_a_name_that_fails_among_others_is_told_as_trouble_until_it_answers(polled):
    names, told = Names(a=["127.0.0.1"], b=["127.0.0.2"]), []
    config = DnsConfig(tuple(names.found), RecordType("A"), 80, Duration(60_000))

    def build(context):
        trouble = replace(context, trouble=lambda part, reason: told.append((part, reason)))
        return DnsDiscoverer(config, trouble, names.lookup)

    one = polled(build, "dns/0")
    await one.turn()
    names.found["b."] = DOWN
    await one.turn()
    assert told == [("name b.", "SERVFAIL")]
    names.found["b."] = ["127.0.0.2"]
    await one.turn()
    assert told[-1] == ("name b.", "")
