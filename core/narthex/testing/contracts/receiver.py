"""The contract of a receiver: it tries once, ends before the deadline, and says NotifyError when it could not."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from prometheus_client import CollectorRegistry

from narthex.errors import NotifyError
from narthex.kinds import Notification, Receiver
from narthex.model.alert import Alert
from narthex.model.labels import Labels
from narthex.plugins.failure import describe
from narthex.testing.contracts.discovery import revealed
from narthex.testing.rig import ConfiguredRig, optional
from narthex.testing.rule import Broken, Unchecked, rule

__all__ = ["RULES", "ReceiverRig"]

_MANY = 10
_SOON = 0.3


class ReceiverRig(ConfiguredRig):
    """A receiver kind and the place that takes its messages. All methods are optional.

    ``seconds`` is the deadline of a message that is to arrive, ``grace`` how long after its deadline, or when it is
    cancelled, ``send`` may take to end. Both are meant for a busy machine: only what breaks a rule takes as long.
    """

    stage: ClassVar[str] = "receiver"
    seconds: float = 30.0
    grace: float = 10.0

    @optional
    async def received(self) -> int:
        """How many messages have arrived in all."""
        return 0

    @optional
    async def fail(self) -> None:
        """From now on messages are refused: status 500, a dead socket."""

    @optional
    async def recover(self) -> None:
        """Messages are taken again."""

    @optional
    async def hang(self) -> None:
        """From now on messages are taken and never answered."""

    async def receiver(self, registry: CollectorRegistry | None = None) -> Receiver:
        """A receiver that is closed at the end of the rule."""
        made: Receiver = self.make(registry)
        self._stack.push_async_callback(made.close)
        return made

    def notification(self, number: int = 0) -> Notification:
        """A message with an alert that fires and one that is over."""
        now = self.clock.now()
        firing = Labels({"alertname": "DiskFull", "instance": f"host{number}:9100"})
        alerts = (
            Alert(firing, Labels({"summary": 'ünïcödé <b> & "quotes"'}), now - 60, now + 240),
            Alert(Labels({"alertname": "Gone", "instance": f"host{number}:9100"}), starts_at=now - 60, ends_at=now - 1),
        )
        return Notification("team", alerts, "http://narthex.invalid:9090")

    async def attempt(self, receiver: Receiver, seconds: float, number: int = 0) -> BaseException | None:
        """Send once; what it raised. The caller's patience ends well after the deadline."""
        try:
            async with asyncio.timeout(max(0.0, seconds) + self.grace):
                await receiver.send(self.notification(number), self.clock.monotonic() + seconds)
        except TimeoutError as error:
            raise Broken(f"send() was not over {self.grace:g} s after its deadline of {seconds:g} s") from error
        except Exception as error:  # noqa: BLE001 -- the rules judge it
            return error
        return None


@rule("receiver/delivers", needs=("received",))
async def delivers(rig: ReceiverRig) -> None:
    """A notification arrives, once."""
    receiver = await rig.receiver()
    if (error := await rig.attempt(receiver, rig.seconds)) is not None:
        raise Broken(f"send() raised {describe(error)}")
    if (count := await rig.received()) != 1:
        raise Broken(f"{count} messages arrived of 1 that was sent")


@rule("receiver/error", needs=("fail",))
async def error(rig: ReceiverRig) -> None:
    """A message that is refused is a NotifyError."""
    receiver = await rig.receiver()
    await rig.fail()
    _is_notify_error(await rig.attempt(receiver, rig.seconds), "is refused")


@rule("receiver/recover", needs=("fail", "recover"))
async def recover(rig: ReceiverRig) -> None:
    """After a failure the next message arrives."""
    receiver = await rig.receiver()
    await rig.fail()
    await rig.attempt(receiver, rig.seconds)
    await rig.recover()
    if (raised := await rig.attempt(receiver, rig.seconds)) is not None:
        raise Broken(f"send() raised {describe(raised)} though messages are taken again")


@rule("receiver/deadline", needs=("hang",))
async def deadline(rig: ReceiverRig) -> None:
    """A message that is not answered is a NotifyError when its deadline has come, also when it had passed before."""
    receiver = await rig.receiver()
    await rig.hang()
    _is_notify_error(await rig.attempt(receiver, _SOON), "is not answered")
    _is_notify_error(await rig.attempt(receiver, -1.0), "is sent after its deadline")


@rule("receiver/cancel", needs=("hang",))
async def cancel(rig: ReceiverRig) -> None:
    """When send is cancelled, it ends at once."""
    receiver = await rig.receiver()
    await rig.hang()
    sending = asyncio.create_task(receiver.send(rig.notification(), rig.clock.monotonic() + 60))
    await asyncio.sleep(0.05)
    sending.cancel()
    ended, _ = await asyncio.wait({sending}, timeout=rig.grace)
    if not ended:
        raise Broken(f"send() did not end within {rig.grace:g} s of its cancellation")
    if not sending.cancelled():
        raise Broken(f"send() swallowed its cancellation: {sending.exception() or 'it returned'!r:.120}")


@rule("receiver/concurrent", needs=("received",))
async def concurrent(rig: ReceiverRig) -> None:
    """Messages that are sent at the same time all arrive."""
    receiver = await rig.receiver()
    outcomes = await asyncio.gather(*(rig.attempt(receiver, rig.seconds, number) for number in range(_MANY)))
    if failed := [one for one in outcomes if one is not None]:
        raise Broken(f"{len(failed)} of {_MANY} messages at once failed: {describe(failed[0])}")
    if (count := await rig.received()) != _MANY:
        raise Broken(f"{count} messages arrived of {_MANY} that were sent at once")


@rule("receiver/close")
async def close(rig: ReceiverRig) -> None:
    """Closing is harmless without a message, and twice."""
    for _ in range(2):
        receiver = await rig.receiver()
        await receiver.close()
        await receiver.close()


@rule("receiver/twins")
async def twins(rig: ReceiverRig) -> None:
    """Two receivers of a kind share a registry, as two blocks of a configuration do."""
    registry = CollectorRegistry()
    await rig.receiver(registry)
    try:
        await rig.receiver(registry)
    except ValueError as raised:
        raise Broken(f"cannot be built twice with one registry: {raised}") from raised


@rule("receiver/secrets", needs=("fail",))
async def secrets(rig: ReceiverRig) -> None:
    """No secret of the configuration stands in an error."""
    hidden = revealed(rig.parsed())
    if not hidden:
        raise Unchecked("the rig's config holds no secret")
    receiver = await rig.receiver()
    await rig.fail()
    raised = await rig.attempt(receiver, rig.seconds)
    while raised is not None:
        if any(one in str(raised) for one in hidden):
            raise Broken("an error shows a secret of the configuration")
        raised = None if raised.__suppress_context__ else raised.__cause__ or raised.__context__


def _is_notify_error(raised: BaseException | None, when: str) -> None:
    if raised is None:
        raise Broken(f"send() returns as if all were well when its message {when}")
    if not isinstance(raised, NotifyError):
        raise Broken(f"send() raised {describe(raised)} when its message {when}, expected a NotifyError")


RULES = (delivers, error, recover, deadline, cancel, concurrent, close, twins, secrets)
