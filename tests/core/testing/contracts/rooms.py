"""A well-behaved discovery plugin to be broken in one way at a time, and a rig for it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

from narthex import hookimpl
from narthex.config.types import Secret
from narthex.errors import DiscoveryError
from narthex.kinds import DiscoveryKind
from narthex.model.targetgroup import TargetGroup
from narthex.testing.rigs import DiscoveryRig


class Building:
    """What is asked: a text, or nothing while it is closed."""

    def __init__(self):
        self.text = json.dumps({"hall": ["h:1", "h:2"], "attic": ["a:1"]})
        self.closed = False
        self.changed = asyncio.Event()

    def say(self, text):
        self.text = text
        self.changed.set()
        self.changed = asyncio.Event()

    def open(self, *, yes):
        self.closed = not yes
        self.say(self.text)

    def ask(self):
        if self.closed:
            raise DiscoveryError("the building is closed")
        try:
            return {str(room): [str(one) for one in doors] for room, doors in json.loads(self.text).items()}
        except (ValueError, AttributeError, TypeError) as error:
            raise DiscoveryError(f"the building talks nonsense: {error}") from error


@dataclass(frozen=True)
class RoomsConfig:
    floor: int = 0
    password: Secret = field(default_factory=lambda: Secret("open sesame"))


class Rooms:
    """Publishes the rooms, and again whenever the building changes."""

    def __init__(self, config, context, building):
        self.config, self.context, self.building = config, context, building

    async def run(self, publish):
        known = set()
        while True:
            changed = self.building.changed
            groups = self.groups(await self.ask())
            publish([*groups, *(TargetGroup(gone) for gone in sorted(known - {one.source for one in groups}))])
            known = {one.source for one in groups}
            await changed.wait()

    async def ask(self):
        await asyncio.sleep(0)
        return self.building.ask()

    def groups(self, rooms):
        return [
            TargetGroup(room, tuple({"__address__": one} for one in doors), {"__meta_rooms_room": room})
            for room, doors in rooms.items()
        ]


def plugin(**changes):
    kind = replace(DiscoveryKind("rooms", RoomsConfig, lambda config, context: None, summary="Rooms"), **changes)
    return SimpleNamespace(__name__="narthex_rooms", narthex_discovery_kinds=hookimpl(lambda: [kind]))


class RoomsRig(DiscoveryRig):
    plugin = plugin()
    kind = "rooms"
    made = Rooms
    patience = 0.1

    async def start(self):
        self.building = Building()

    def build(self, config, context):
        return self.made(config, context, self.building)

    async def update(self):
        self.building.say(json.dumps({"hall": ["h:1", "h:3"], "attic": ["a:1"]}))

    async def retract(self):
        self.building.say(json.dumps({"hall": ["h:1", "h:2"]}))

    async def fail(self):
        self.building.open(yes=False)

    async def recover(self):
        self.building.open(yes=True)

    async def malformed(self):
        for text in ("", "{", "7", '{"hall": 7}'):
            self.building.say(text)
            yield text

    async def enlarge(self, count):
        self.building.say(json.dumps({"hall": [f"h:{number}" for number in range(count)]}))


def rig_of(discoverer, **attributes):
    """A rig for another discoverer of the same rooms; ``limits`` of the discoverer are what it is to exceed."""
    limits = dict(getattr(discoverer, "limits", ()))
    return type(f"{discoverer.__name__}Rig", (RoomsRig,), {"made": discoverer, **limits, **attributes})
