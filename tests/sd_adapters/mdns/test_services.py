"""The bookkeeping of announced, known and changed instances, with a cache and a network of the test's own."""

from __future__ import annotations

import asyncio

import pytest

from narthex.model.targetgroup import TargetGroup
from narthex.testing.clock import FakeClock, settle
from narthex_sd.mdns.services import Services

KIND = "_x._tcp.local."


def group(name, port=1):
    return TargetGroup(name, ({"__address__": f"127.0.0.1:{port}"},))


class Network:
    """``known`` is the cache; ``answers`` is what asking would bring into it."""

    def __init__(self):
        self.known = {}
        self.answers = {}
        self.asked = []

    def load(self, kind, name):
        return self.known.get(name)

    async def ask(self, kind, name):
        self.asked.append(name)
        await asyncio.sleep(0)
        if name in self.answers:
            self.known[name] = self.answers[name]
        return name in self.answers


@pytest.fixture
def network():
    return Network()


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
async def services(network, clock):
    made = Services(network.load, network.ask, clock)
    yield made
    await made.close()


async def test_each_change_is_told_once(services, network):
    network.known["a"] = group("a")
    services.announced(KIND, "a")
    assert services.changed.is_set()
    assert services.take() == [group("a")]
    assert not services.changed.is_set()
    services.announced(KIND, "a")
    assert services.take() == []
    network.known["a"] = group("a", 2)
    services.announced(KIND, "a")
    assert services.take() == [group("a", 2)]
    services.gone("a")
    assert services.take() == [TargetGroup("a")]
    services.gone("a")
    assert services.take() == []


async def test_names_differ_by_more_than_case(services, network):
    network.known["A"] = network.known["a"] = group("a")
    services.announced(KIND, "A")
    services.take()
    services.gone("a")
    assert services.take() == [TargetGroup("a")]


async def test_what_is_not_known_is_asked_for_and_nobody_waits(services, network):
    network.known["a"] = group("a")
    network.answers["b"] = group("b")
    services.announced(KIND, "b")
    services.announced(KIND, "a")
    assert services.take() == [group("a")]
    await settle()
    assert services.changed.is_set()
    assert services.take() == [group("b")]


async def test_it_asks_again_ever_more_rarely_until_there_is_an_answer(services, network, clock):
    services.announced(KIND, "a")
    services.take()
    await clock.advance(3 + 6 + 12)
    assert len(network.asked) == 4
    network.answers["a"] = group("a")
    await clock.advance(60)
    assert services.take() == [group("a")]
    await clock.advance(1000)
    assert len(network.asked) == 5


async def test_a_goodbye_ends_the_asking(services, network, clock):
    services.announced(KIND, "a")
    services.take()
    services.gone("a")
    assert services.take() == []
    await clock.advance(1000)
    assert len(network.asked) <= 1


async def test_what_was_known_stays_while_records_are_missing(services, network):
    network.known["a"] = group("a")
    services.announced(KIND, "a")
    services.take()
    del network.known["a"]
    services.announced(KIND, "a")
    assert services.take() == []
    network.answers["a"] = group("a", 2)
    services.gone("a")
    assert services.take() == [TargetGroup("a")]


async def test_an_instance_without_an_address_is_no_target(services, network):
    network.known["a"] = TargetGroup("a")
    services.announced(KIND, "a")
    assert services.take() == []
    network.known["a"] = group("a")
    services.announced(KIND, "a")
    services.take()
    network.known["a"] = TargetGroup("a")
    services.announced(KIND, "a")
    assert services.take() == [TargetGroup("a")]


async def test_what_goes_unreported_is_noticed_a_moment_later(services, network, clock):
    network.known["a"] = group("a")
    services.announced(KIND, "a")
    services.take()
    network.known["a"] = group("a", 2)
    await clock.advance(1)
    services.announced(KIND, "b")
    services.take()
    network.known["b"] = group("b")
    await clock.advance(1)
    assert services.take() == [group("a", 2)]
    await clock.advance(2)
    assert services.take() == [group("b")]
    await clock.advance(1000)
    assert not services.changed.is_set()


async def test_closing_leaves_no_task(network, clock):
    services = Services(network.load, network.ask, clock)
    before = asyncio.all_tasks()
    services.announced(KIND, "a")
    services.take()
    await settle()
    assert asyncio.all_tasks() - before
    await services.close()
    assert asyncio.all_tasks() == before
