"""Each rule of receivers is broken by one receiver, caught and named; a sound one keeps all."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from prometheus_client import Counter
from tests.core.testing.contracts.breaking import own_rules, plugin, verdict_of

from narthex.config.types import Secret
from narthex.errors import NotifyError
from narthex.kinds import ReceiverKind
from narthex.testing.contract import ReceiverContract
from narthex.testing.rigs import ReceiverRig


class Desk:
    """Takes messages."""

    def __init__(self):
        self.taken = 0
        self.open = asyncio.Event()
        self.open.set()
        self.refusing = False

    async def take(self, message):
        await self.open.wait()
        if self.refusing:
            raise ConnectionRefusedError("the desk is closed")
        self.taken += 1


@dataclass(frozen=True)
class PagerConfig:
    token: Secret = field(default_factory=lambda: Secret("open sesame"))


class Pager:
    def __init__(self, config, context, desk):
        self.config, self.context, self.desk = config, context, desk

    async def send(self, notification, deadline):
        try:
            async with asyncio.timeout(max(0, deadline - self.context.clock.monotonic())):
                await self.desk.take(notification)
        except OSError as error:  # TimeoutError is one
            raise NotifyError(f"pager: {error or 'no answer in time'}") from error

    async def close(self):
        pass


class PagerRig(ReceiverRig):
    plugin = plugin(
        "narthex_receiver_kinds", ReceiverKind("pager", PagerConfig, lambda config, context: None, summary="Pages")
    )
    kind = "pager"
    made = Pager

    async def start(self):
        self.desk = Desk()

    def build(self, config, context):
        return self.made(config, context, self.desk)

    async def received(self):
        return self.desk.taken

    async def fail(self):
        self.desk.refusing = True

    async def recover(self):
        self.desk.refusing = False

    async def hang(self):
        self.desk.open.clear()


class TestWellBehaved(ReceiverContract):
    @pytest.fixture
    def rig(self):
        return PagerRig()


class Eager(Pager):
    """Sends everything twice."""

    async def send(self, notification, deadline):
        await super().send(notification, deadline)
        await super().send(notification, deadline)


class Raw(Pager):
    async def send(self, notification, deadline):
        await self.desk.take(notification)


class Silent(Pager):
    async def send(self, notification, deadline):
        with suppress(NotifyError):
            await super().send(notification, deadline)


class Sulking(Pager):
    """Does not try again once it was refused."""

    sulks = False

    async def send(self, notification, deadline):
        if self.sulks:
            raise NotifyError("no")
        try:
            await super().send(notification, deadline)
        except NotifyError:
            self.sulks = True
            raise


class Patient(Pager):
    """Knows no deadline."""

    limits = (("grace", 1.0),)

    async def send(self, notification, deadline):
        await super().send(notification, deadline + 3600)


class Deaf(Pager):
    async def send(self, notification, deadline):
        try:
            await super().send(notification, deadline)
        except asyncio.CancelledError:
            raise NotifyError("was cancelled") from None


class OneAtATime(Pager):
    busy = False

    async def send(self, notification, deadline):
        if self.busy:
            raise NotifyError("busy")
        self.busy = True
        await asyncio.sleep(0)
        await super().send(notification, deadline)
        self.busy = False


class ClosesOnce(Pager):
    def __init__(self, *how):
        super().__init__(*how)
        self.session = object()

    async def close(self):
        del self.session


class Counting(Pager):
    def __init__(self, config, context, desk):
        super().__init__(config, context, desk)
        Counter("pages", "Pages.", registry=context.registry)


class Telling(Pager):
    async def send(self, notification, deadline):
        try:
            await super().send(notification, deadline)
        except NotifyError as error:
            raise NotifyError(f"{error}, with token {self.config.token.reveal()}") from None


BREAKERS = [
    ("receiver/delivers", Eager, "2 messages arrived of 1"),
    ("receiver/error", Raw, "ConnectionRefusedError: the desk is closed when its message is refused"),
    ("receiver/error", Silent, "returns as if all were well when its message is refused"),
    ("receiver/recover", Sulking, "though messages are taken again"),
    ("receiver/deadline", Patient, "was not over 1 s after its deadline"),
    ("receiver/cancel", Deaf, "swallowed its cancellation"),
    ("receiver/concurrent", OneAtATime, "of 10 messages at once failed: NotifyError: busy"),
    ("receiver/close", ClosesOnce, "AttributeError"),
    ("receiver/twins", Counting, "cannot be built twice with one registry"),
    ("receiver/secrets", Telling, "an error shows a secret"),
]


def test_every_rule_has_a_receiver_that_breaks_it():
    assert {rule for rule, _, _ in BREAKERS} == own_rules("receiver")


@pytest.mark.parametrize(("rule", "made", "what"), BREAKERS, ids=lambda one: getattr(one, "__name__", one))
def test_a_receiver_that_breaks_the_rule_is_caught(rule, made, what):
    verdict = verdict_of(
        rule, type(f"{made.__name__}Rig", (PagerRig,), {"made": made, **dict(getattr(made, "limits", ()))})()
    )
    assert verdict.state == "broken"
    assert what in verdict.what
