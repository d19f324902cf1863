"""Discovery kinds that break every rule, one each. A server that has them all configured must not care."""

import asyncio
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass

from narthex import hookimpl
from narthex.kinds import BuildContext, Discoverer, DiscoveryKind, Publish
from narthex.model.targetgroup import TargetGroup


@dataclass(frozen=True)
class Nothing:
    """No settings."""


class Raises:
    async def run(self, publish: Publish) -> None:
        raise RuntimeError("the inventory is on fire")


class Hangs:
    async def run(self, publish: Publish) -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                continue  # swallows every attempt to stop it


class Rubbish:
    async def run(self, publish: Publish) -> None:
        publish([{"targets": ["127.0.0.1:1"]}])  # not target groups
        await asyncio.Event().wait()


class Blocks:
    async def run(self, publish: Publish) -> None:
        while True:
            time.sleep(4)  # noqa: ASYNC251 -- blocks the loop it runs on: that is what the test is about
            await asyncio.sleep(0)


class Exits:
    async def run(self, publish: Publish) -> None:
        sys.exit(3)


class Floods:
    async def run(self, publish: Publish) -> None:
        number = 0
        while True:
            number += 1
            publish([TargetGroup("flood", ({"__address__": "127.0.0.1:1"},), {"number": str(number)})])
            await asyncio.sleep(0)


def build(discoverer: type[Discoverer]) -> object:
    def build_one(config: Nothing, context: BuildContext) -> Discoverer:
        return discoverer()

    return build_one


@hookimpl
def narthex_discovery_kinds() -> Iterable[DiscoveryKind]:
    return [
        DiscoveryKind(name=one.__name__.lower(), config=Nothing, build=build(one))
        for one in (Raises, Hangs, Rubbish, Blocks, Exits, Floods)
    ]
