"""What scenarios with a fake Consul share: instances, paths, and time that passes."""

from __future__ import annotations

import asyncio

from tests.waiting import until

from narthex.testing.consul import Instance

WEB, DB = Instance(port=80), Instance(port=5432)
HEALTH, CATALOG = "/v1/health/service/", "/v1/catalog/services"


def rpc_failures(running):
    return running.value("rpc_failures_total")


async def passing(clock, seconds, condition):
    """Move the clock in steps, giving real sockets their time, until a condition holds.

    It should within so many seconds; where the sockets are slow, time goes on more slowly then.
    """
    for _ in range(int(seconds)):
        await clock.advance(1)
        await asyncio.sleep(0.01)
        if condition():
            return

    async def later():
        await clock.advance(0.1)
        return condition()

    await until(later)
