"""Ask a few queries of oneself after the start, so that the first user does not wait for the interpreter.

Python specialises code that has run some eight times, and loads what is imported at first use. The first queries of a
new server took 2 to 10 ms for one series where later ones take 0.7. So a handful of small queries go through the
engine and the encoder, a few seconds after the first samples are there; they take some 50 ms of a worker thread.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import Executor

from narthex.clock import Clock
from narthex.errors import NarthexError
from narthex.promql.engine import Engine
from narthex.promql.engine.query import Steps
from narthex.promql.value import InstantVector
from narthex.web.encode import encode_value

__all__ = ["warm_up"]

log = logging.getLogger(__name__)

_SECONDS_APART, _TRIES, _ROUNDS = 5.0, 24, 10


async def warm_up(engine: Engine, executor: Executor, clock: Clock) -> None:
    """Wait until something was scraped, for two minutes at most, then ask; what goes wrong is of no consequence."""
    loop = asyncio.get_running_loop()
    for _ in range(_TRIES):
        await clock.sleep(_SECONDS_APART)
        try:
            if await loop.run_in_executor(executor, _ask, engine, round(clock.now() * 1000)):
                return
        except NarthexError as error:
            log.debug("A query to warm up failed", extra={"err": str(error)})


def _ask(engine: Engine, now: int) -> bool:
    """Ask in the ways that dashboards do; False where there is nothing to find yet."""
    found = engine.instant("up", now).value
    if not isinstance(found, InstantVector) or not found.labels.rows:
        return False
    one = found.labels.take(found.values.argsort()[:1]).all_labels()[0]
    for query in ("up", str(one), f"rate({one}[1m])", "sum by (job) (up)"):
        for _ in range(_ROUNDS):
            engine.is_small(query, Steps.every(now, now, 0))
            encode_value(engine.instant(query, now).value)
            encode_value(engine.range(query, now - 60_000, now, 2000).value)
    return True
