"""Each rule of discovery is broken by one plugin, caught and named; the well-behaved one keeps all."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress

import pytest
from prometheus_client import Counter
from tests.core.testing.contracts.breaking import own_rules
from tests.core.testing.contracts.rooms import Rooms, RoomsRig, rig_of

from narthex.errors import DiscoveryError
from narthex.model.targetgroup import TargetGroup
from narthex.testing.contract import DiscoveryContract
from narthex.testing.guards import Guards
from narthex.testing.rigs import RULES
from narthex.testing.running import try_rule

pytestmark = pytest.mark.narthex_unguarded  # what guards find is made here on purpose

BY_ID = {rule.id: rule for rule in RULES["discovery"]}


class TestWellBehaved(DiscoveryContract):
    @pytest.fixture
    def rig(self):
        return RoomsRig()


class InParts(Rooms):
    """Publishes each room by itself."""

    async def run(self, publish):
        for group in self.groups(await self.ask()):
            publish([group])
            await asyncio.sleep(0)
        await asyncio.Event().wait()


class Twice(Rooms):
    def groups(self, rooms):
        return [*super().groups(rooms), TargetGroup("hall", ({"__address__": "other:1"},))]


class Hyphens(Rooms):
    def groups(self, rooms):
        return [TargetGroup(room, ({"__address__": "a:1", "__meta_rooms_big-room": room},)) for room in rooms]


class Plain(Rooms):
    def groups(self, rooms):
        return [TargetGroup(room, ({"__address__": "a:1", "team": room},)) for room in rooms]


class Telling(Rooms):
    async def ask(self):
        if self.building.closed:
            raise DiscoveryError(f"refused with password {self.config.password.reveal()}")
        return await super().ask()


class Once(Rooms):
    """Asks once and never again."""

    limits = (("seconds", 2.0),)

    async def run(self, publish):
        publish(self.groups(await self.ask()))
        await asyncio.Event().wait()


class Keeping(Rooms):
    """Never retracts."""

    limits = (("seconds", 2.0),)

    async def run(self, publish):
        while True:
            changed = self.building.changed
            publish(self.groups(await self.ask()))
            await changed.wait()


class Clinging(Rooms):
    """Takes its time to go."""

    limits = (("grace", 0.2),)

    async def run(self, publish):
        try:
            await super().run(publish)
        finally:
            await asyncio.sleep(60)


class LoudLeaving(Rooms):
    async def run(self, publish):
        try:
            await super().run(publish)
        except asyncio.CancelledError:
            raise ValueError("not now") from None


class Leaking(Rooms):
    async def run(self, publish):
        self.watcher = asyncio.create_task(asyncio.Event().wait(), name="watching the stairs")
        await super().run(publish)


class Threading(Rooms):
    limits = (("grace", 0.2),)

    def __init__(self, *how):
        super().__init__(*how)
        self.rest = threading.Event()

    async def run(self, publish):
        threading.Thread(target=self.rest.wait, args=(60,), name="stairs", daemon=True).start()
        await super().run(publish)


class OnlyOnce(Rooms):
    """Remembers what it published, across runs."""

    known: tuple = ()

    async def run(self, publish):
        groups = self.groups(await self.ask())
        publish([one for one in groups if one not in self.known])
        self.known = groups
        await asyncio.Event().wait()


class Counting(Rooms):
    def __init__(self, config, context, building):
        super().__init__(config, context, building)
        Counter("rooms_asked", "Questions.", registry=context.registry)


class Numbering(Rooms):
    """Names its sources by a number that is another in each object."""

    def groups(self, rooms):
        return [TargetGroup(f"{id(self)}/{room}", ({"__address__": "a:1"},)) for room in rooms]


class Emptying(Rooms):
    """Takes a failure for an empty building."""

    async def ask(self):
        with suppress(DiscoveryError):
            return await super().ask()
        return {}


class Careless(Rooms):
    async def ask(self):
        if self.building.closed:
            raise KeyError("door")
        return await super().ask()


class Discouraged(Rooms):
    """Never asks again once it failed."""

    limits = (("seconds", 2.0),)

    async def run(self, publish):
        with suppress(DiscoveryError):
            await super().run(publish)
        await asyncio.Event().wait()


class StuckInFailure(Rooms):
    limits = (("grace", 0.2),)

    async def run(self, publish):
        try:
            await super().run(publish)
        except DiscoveryError:
            for _ in range(60):
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(0.01)


class Believing(Rooms):
    """Believes what it can read of a wrong answer."""

    async def ask(self):
        try:
            return await super().ask()
        except DiscoveryError:
            if self.building.closed:
                raise
            return {"hall": ["h:1"]}


class Crunching(Rooms):
    """Keeps the loop; with work, because a sleep that nobody watched is no proof."""

    limits = (("block_limit", 0.1),)

    def groups(self, rooms):
        end = time.thread_time() + 0.2 * (sum(map(len, rooms.values())) > 100)
        while time.thread_time() < end:
            pass
        return super().groups(rooms)


BREAKERS = [
    ("discovery/first-set", InParts, "though nothing had changed: source 'attic'"),
    ("discovery/first-set", Twice, "holds source 'hall' twice"),
    ("discovery/labels", Hyphens, "'__meta_rooms_big-room'"),
    ("discovery/labels", Plain, "goes under __meta_rooms_"),
    ("discovery/secrets", Telling, "shows a secret"),
    ("discovery/update", Once, "did not publish what update() changed"),
    ("discovery/retract", Keeping, "an empty group for the source that left"),
    ("discovery/cancel", Clinging, "did not return within 0.2 s"),
    ("discovery/cancel", LoudLeaving, "ValueError: not now"),
    ("discovery/leaks", Leaking, "'watching the stairs'"),
    ("discovery/leaks", Threading, "thread 'stairs'"),
    ("discovery/again", OnlyOnce, "the second run did not publish the full set"),
    ("discovery/twins", Counting, "cannot be built twice with one registry"),
    ("discovery/twins", Numbering, "equal discoverers publish different groups"),
    ("discovery/error", Emptying, "retracted ['attic', 'hall']"),
    ("discovery/error-type", Careless, "raised KeyError: 'door' when what it asks fails"),
    ("discovery/start-failing", Emptying, "though what it asks fails"),
    ("discovery/recover", Discouraged, "what changed while it failed"),
    ("discovery/cancel-failing", StuckInFailure, "did not return within"),
    ("discovery/malformed", Believing, "took the malformed answer '' for an answer"),
    ("discovery/large", Crunching, "kept the event loop for"),
]


def test_every_rule_has_a_plugin_that_breaks_it():
    assert {rule for rule, _, _ in BREAKERS} == own_rules("discovery")


@pytest.mark.parametrize(("rule", "discoverer", "what"), BREAKERS, ids=lambda one: getattr(one, "__name__", one))
def test_a_plugin_that_breaks_the_rule_is_caught(rule, discoverer, what):
    verdict, _ = try_rule(BY_ID[rule], rig_of(discoverer)(), Guards(()))
    assert verdict.state == "broken"
    assert what in verdict.what


def test_a_rule_without_what_it_needs_is_not_checked():
    bare = rig_of(Rooms, update=RoomsRig.__mro__[1].update)
    verdict, _ = try_rule(BY_ID["discovery/update"], bare(), Guards(()))
    assert (verdict.state, verdict.what) == ("unchecked", "the rig has no update()")


def test_user_given_label_names_are_free_where_the_rig_says_so():
    verdict, _ = try_rule(BY_ID["discovery/labels"], rig_of(Plain, free_labels=True)(), Guards(()))
    assert verdict.state == "kept"
