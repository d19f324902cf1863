"""One sender for each Alertmanager or receiver: a bounded queue and a task that empties it in batches.

Each has a queue of its own, so one that is dead or slow delays nobody else. A batch is tried once: the rules send
firing alerts again after the resend delay anyway, and a retry of old news would delay fresh news. A full queue drops
its oldest alerts, for the same reason.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from narthex.clock import Clock
from narthex.errors import NarthexError
from narthex.model.alert import Alert
from narthex.notify.metrics import NotifyMetrics

__all__ = ["Deliver", "Sender"]

log = logging.getLogger(__name__)

Deliver = Callable[[Sequence[Alert], float], Awaitable[None]]
"""Delivers one batch before a deadline (monotonic seconds); raises ``NotifyError`` when it could not."""


class Sender:
    """Queue and task of one destination. ``timeout`` is the time for one batch, in seconds."""

    def __init__(
        self,
        name: str,
        deliver: Deliver,
        *,
        timeout: float,
        capacity: int,
        batch_size: int,
        clock: Clock,
        metrics: NotifyMetrics,
    ) -> None:
        self.name = name
        self._deliver = deliver
        self._timeout = timeout
        self._batch_size = batch_size
        self._clock = clock
        self._metrics = metrics
        self._queue: deque[Alert] = deque(maxlen=capacity)
        self._wake = asyncio.Event()
        self._stopping = False
        self._failing = False
        self._task: asyncio.Task[None] | None = None
        self.last_error = ""
        metrics.open(name)

    def start(self) -> None:
        """Begin sending."""
        self._task = asyncio.create_task(self._run(), name=f"notify {self.name}")

    def enqueue(self, alerts: Sequence[Alert]) -> None:
        """Queue alerts; what does not fit pushes out the oldest. Never waits."""
        assert self._queue.maxlen is not None
        overflow = len(self._queue) + len(alerts) - self._queue.maxlen
        if overflow > 0:
            self._metrics.dropped.labels(self.name).inc(overflow)
        self._queue.extend(alerts)
        self._metrics.queue_length.labels(self.name).set(len(self._queue))
        self._wake.set()

    async def stop(self, *, drain: bool, grace: float) -> None:
        """Stop; with ``drain``, send what is queued first, for at most ``grace`` seconds."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await self._end(self._task, drain=drain, grace=grace)
        if self._queue:
            log.warning("alerts were not sent before the stop", extra={"to": self.name, "alerts": len(self._queue)})
            self._metrics.dropped.labels(self.name).inc(len(self._queue))
        self._metrics.close(self.name)

    @staticmethod
    async def _end(task: asyncio.Task[None], *, drain: bool, grace: float) -> None:
        if not drain:
            task.cancel()
        _, pending = await asyncio.wait({task}, timeout=grace)
        if pending:
            task.cancel()
            await asyncio.wait({task}, timeout=1)

    async def _run(self) -> None:
        while self._queue or not self._stopping:
            if not self._queue:
                self._wake.clear()
                await self._wake.wait()
                continue
            batch = [self._queue.popleft() for _ in range(min(self._batch_size, len(self._queue)))]
            self._metrics.queue_length.labels(self.name).set(len(self._queue))
            await self._send(batch)

    async def _send(self, batch: Sequence[Alert]) -> None:
        began = self._clock.monotonic()
        try:
            async with asyncio.timeout(self._timeout):
                await self._deliver(batch, began + self._timeout)
        except asyncio.CancelledError:
            if not _cancelled():  # a receiver that raises it by itself must not end the sender
                self._failed(batch, "the receiver broke off")
                return
            self._metrics.dropped.labels(self.name).inc(len(batch))
            raise
        except TimeoutError:
            self._failed(batch, f"no answer within {self._timeout:g} s")
        except NarthexError as error:
            self._failed(batch, str(error))
        except (Exception, SystemExit) as error:  # a receiver is a plugin's code: its failure stays its own
            log.debug("receiver raised", extra={"to": self.name}, exc_info=True)
            self._failed(batch, f"{type(error).__name__}: {error}")
        else:
            self._metrics.sent.labels(self.name).inc(len(batch))
            if self._failing:
                log.info("alerts are accepted again", extra={"to": self.name})
            self._failing, self.last_error = False, ""
        finally:
            self._metrics.latency.labels(self.name).observe(self._clock.monotonic() - began)

    def _failed(self, batch: Sequence[Alert], reason: str) -> None:
        self._metrics.errors.labels(self.name).inc(len(batch))
        self._metrics.dropped.labels(self.name).inc(len(batch))
        if not self._failing:
            log.error("alerts could not be sent", extra={"to": self.name, "alerts": len(batch), "err": reason})
        self._failing, self.last_error = True, reason


def _cancelled() -> bool:
    """Whether somebody cancelled the task that runs this."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
