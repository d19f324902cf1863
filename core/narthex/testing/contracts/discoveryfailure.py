"""The contract of a discoverer in bad times: failures, nonsense and floods must not cost a target."""

from __future__ import annotations

from narthex.errors import NarthexError
from narthex.plugins.failure import describe
from narthex.testing.contracts.discovery import DiscoveryRig
from narthex.testing.contracts.life import Life
from narthex.testing.discovery import Recorder
from narthex.testing.guards.blocking import BlockingGuard
from narthex.testing.guards.finding import Finding
from narthex.testing.rule import Broken, rule

__all__ = ["RULES"]

_MANY = 10_000


@rule("discovery/error", needs=("fail",))
async def error(rig: DiscoveryRig) -> None:
    """While what is asked fails, nothing is retracted and nothing is published."""
    async with rig.live() as life:
        await life.first()
        before, published = dict(life.seen.groups), len(life.seen.published)
        await rig.fail()
        await life.failed_or_quiet(rig.patience)
        if life.seen.groups != before:
            lost = sorted(before.keys() - life.seen.groups.keys())
            what = f"retracted {lost}" if lost else f"published {life.seen.published[published:]}"
            raise Broken(f"{what} while what it asks fails; raise DiscoveryError instead")


@rule("discovery/error-type", needs=("fail",))
async def error_type(rig: DiscoveryRig) -> None:
    """A failure that is to be expected is a DiscoveryError of one line, not a traceback."""
    await rig.fail()
    async with rig.live() as life:
        await life.failed_or_quiet(rig.patience)
        _expected(life, "when what it asks fails")


@rule("discovery/start-failing", needs=("fail",))
async def start_failing(rig: DiscoveryRig) -> None:
    """A discoverer that starts while what it asks fails publishes nothing: an empty set would drop every target."""
    await rig.fail()
    async with rig.live() as life:
        await life.failed_or_quiet(rig.patience)
        if life.seen.published:
            raise Broken(f"published {life.seen.published[0]!r:.200} though what it asks fails")


@rule("discovery/recover", needs=("fail", "recover"))
async def recover(rig: DiscoveryRig) -> None:
    """After a failure it publishes again, with what changed meanwhile."""
    async with rig.live() as life:
        await life.first()
        before = dict(life.seen.groups)
        await rig.fail()
        await life.failed_or_quiet(rig.patience)
        await rig.recover()
        if rig.provides("update"):
            await rig.update()
            await life.until(lambda seen: seen.groups != before, "what changed while it failed", tolerant=True)
    async with rig.live() as anew:
        await anew.first()


@rule("discovery/cancel-failing", needs=("fail",))
async def cancel_failing(rig: DiscoveryRig) -> None:
    """When cancelled while what is asked fails, run returns within the grace period too."""
    async with rig.live() as life:
        await life.first()
        await rig.fail()
        await life.failed_or_quiet(rig.patience)


@rule("discovery/malformed", needs=("malformed",))
async def malformed(rig: DiscoveryRig) -> None:
    """An answer that makes no sense is a DiscoveryError; nothing of it is published, and nothing retracted."""
    async with rig.live() as life:
        await life.first()
        before = dict(life.seen.groups)
        async for name in rig.malformed():
            await life.failed_or_quiet(rig.patience, times=2)  # the first may have been under way before
            if life.seen.groups != before:
                raise Broken(f"took the malformed answer {name!r:.60} for an answer: {life.seen.published[-1]!r:.200}")
            _expected(life, f"for the malformed answer {name!r:.60}")


@rule("discovery/large", needs=("enlarge",))
async def large(rig: DiscoveryRig) -> None:
    """Ten thousand targets are published whole, and the event loop is not kept meanwhile."""
    found: list[Finding] = []
    async with rig.live() as life:
        await life.first()
        with BlockingGuard(rig.block_limit).watch(found):
            await rig.enlarge(_MANY)
            await life.until(lambda seen: _count(seen) == _MANY, f"all of {_MANY:,} targets", tolerant=True)
    if found:
        raise Broken(f"with {_MANY:,} targets: {found[0].what}; do the work in a thread (asyncio.to_thread)")


def _count(seen: Recorder) -> int:
    return sum(len(group.targets) for group in seen.groups.values())


def _expected(life: Life, when: str) -> None:
    """What was raised is of the errors that Narthex raises on purpose, and fits on a line."""
    for one in life.errors:
        if not isinstance(one, NarthexError):
            raise Broken(f"raised {describe(one)} {when}, expected a DiscoveryError")
        if "\n" in str(one):
            raise Broken(f"raised an error of several lines {when}: {describe(one):.200}")


RULES = (error, error_type, start_failing, recover, cancel_failing, malformed, large)
