"""One discoverer kept running: called, called again after failures, and never trusted.

Whatever its code raises stays here, ``SystemExit`` included (uncaught in a task it would end the whole event loop), as
does a ``CancelledError`` that nobody but itself asked for. The same lines run on a lane of their own thread
(:mod:`narthex.discovery.lane`) and, in tests and one-shot commands, on the caller's loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from inspect import isawaitable

from narthex.clock import Clock
from narthex.discovery.checks import checked
from narthex.discovery.ledger import Ledger
from narthex.discovery.state import Settings
from narthex.errors import DiscoveryError
from narthex.kinds import Discoverer
from narthex.model.targetgroup import TargetGroup

__all__ = ["Run"]

Log = logging.LoggerAdapter[logging.Logger]


class Run:
    """The life of one built discoverer, from its first call to its cancellation."""

    def __init__(
        self,
        name: str,
        discoverer: Discoverer,
        ledger: Ledger,
        log: Log,
        clock: Clock,
        settings: Settings,
        random: Callable[[], float],
        *,
        skip_bad_entries: bool = False,
    ) -> None:
        self.name = name
        self.done: Future[None] = Future()
        """Resolved when nothing of it runs any more."""
        self.task: asyncio.Task[None] | None = None
        self.leftovers: Callable[[], Sequence[asyncio.Task[object]]] = tuple
        """Tasks that the discoverer created and that still run; set by a lane that can tell."""
        self.is_publishing = False
        """Whether what it has published is being taken over at this moment; read by the watchdog."""
        self.is_guest = False
        """Whether it runs on a loop that others end, and so obeys whoever cancels it; set by its lane."""
        self._discoverer = discoverer
        self._ledger = ledger
        self._log = log
        self._clock = clock
        self._settings = settings
        self._random = random
        self._skips = skip_bad_entries
        self._stopping = False
        self._attempts = 0
        self._rejected: BaseException | None = None
        self.number = ledger.begin()

    def retire(self) -> None:
        """From now on it does not begin anew; may be called from any thread, even while its lane is blocked."""
        self._stopping = True

    def stop(self) -> None:
        """Cancel; called on the loop it runs on."""
        self._stopping = True
        if self.task is not None:
            self.task.cancel()

    def report(self, reason: str, error: str) -> None:
        """A failure that was noticed from outside the run, such as a task of its that called ``sys.exit``."""
        if self._ledger.fail(self.number, reason, error, state=None):
            self._log.warning("Discovery failed", extra={"reason": reason, "err": error})

    async def supervise(self) -> None:
        """Call the discoverer until it returns or is cancelled."""
        while True:
            try:
                await self._called()
            except GeneratorExit:
                raise  # the loop itself goes away
            except BaseException as error:  # noqa: BLE001 -- a stranger's code: everything is contained, see above
                if self._is_over() or self._is_sent_away(error):
                    return
                self._failed(error)
                retry_within = error.retry_within if isinstance(error, DiscoveryError) else None
            else:
                if not self._is_over():
                    self._ledger.finish(self.number)
                    self._log.debug("Discovery finished")
                return
            finally:
                self._tidy()
            await self._clock.sleep(self._delay(retry_within))
            if self._is_over():
                return
            self.number = self._ledger.begin()

    async def _called(self) -> None:
        answering: object = self._discoverer.run(partial(self._publish, self.number))
        if not isawaitable(answering):
            what = type(answering).__name__
            raise DiscoveryError(f"run returned {what}; it must be async def run(self, publish), without yield")
        await answering

    def _is_over(self) -> bool:
        return self._stopping  # a call, because another thread may have changed it since the last look

    def _is_sent_away(self, error: BaseException) -> bool:
        """Whether the loop's owner ends the task; on a lane of our own a discoverer can only have cancelled itself."""
        cancelled = isinstance(error, asyncio.CancelledError) and self.task is not None and self.task.cancelling() > 0
        if cancelled and not self.is_guest and self.task is not None:
            self.task.uncancel()
            return False
        return cancelled

    def _tidy(self) -> None:
        left = self.leftovers()
        if left and not self._stopping:
            self.report("leaked", "left tasks behind: " + ", ".join(task.get_name() for task in left))
        for task in left:
            task.cancel()

    def _publish(self, number: int, groups: Sequence[TargetGroup]) -> None:
        self.is_publishing = True
        try:
            self._take_over(number, groups)
        finally:
            self.is_publishing = False

    def _take_over(self, number: int, groups: Sequence[TargetGroup]) -> None:
        skipped: list[str] = []
        try:
            own = checked(groups, skipped if self._skips else None)
        except Exception as error:
            # a mapping or sequence of the plugin's own may raise anything while it is read
            rejected = (
                error if isinstance(error, DiscoveryError) else DiscoveryError(f"{type(error).__name__}: {error}")
            )
            self._rejected = rejected
            if self._ledger.fail(number, "rejected", str(rejected)):
                self._log.warning("Rejected what discovery published; the old groups stay", extra=_why(rejected))
            raise rejected from error
        self._attempts = 0
        had_skipped = bool(self._ledger.skipped)
        if self._ledger.publish(number, own, skipped):
            self._log.info("Discovery works again")
        if skipped and not had_skipped:
            extra = {"entries": len(skipped), "err": skipped[0]}
            self._log.warning("Entries that discovery published are left out", extra=extra)

    def _failed(self, error: BaseException) -> None:
        if error is self._rejected:
            return  # counted and told when it was rejected
        reason = "exit" if isinstance(error, (SystemExit, KeyboardInterrupt)) else "raised"
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        if isinstance(error, DiscoveryError):
            text = str(error)
        if self._ledger.fail(self.number, reason, text):
            self._log.warning("Discovery failed; the old groups stay", extra={"reason": reason, "err": text})
            self._log.debug("Where discovery failed", exc_info=error)

    def _delay(self, most: float | None) -> float:
        """Doubling up to the limit; jittered downwards by up to half, so that many do not return at one moment."""
        settings = self._settings
        limit = settings.restart_most if most is None else most
        longest = min(settings.restart_least * 2.0 ** min(self._attempts, 32), limit)
        self._attempts += 1
        return longest * (0.5 + self._random() / 2)


def _why(error: Exception) -> dict[str, str]:
    return {"reason": "rejected", "err": str(error)}
