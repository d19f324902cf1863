"""The contract of a discoverer in good times: the first full set, changes, labels, cancellation, leaks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import fields, is_dataclass
from typing import Any, ClassVar

from prometheus_client import CollectorRegistry

from narthex.config.names import is_label_name
from narthex.config.types import Secret
from narthex.kinds import Discoverer
from narthex.testing.contracts.life import Life
from narthex.testing.discovery import Recorder
from narthex.testing.guards.leaks import left_threads, task_title
from narthex.testing.rig import ConfiguredRig, optional
from narthex.testing.rule import Broken, rule

__all__ = ["RULES", "DiscoveryRig", "revealed"]


class DiscoveryRig(ConfiguredRig):
    """A discovery kind and what it asks. The methods after ``live`` are optional.

    ``seconds`` is how long a publication may take, ``grace`` how long ``run`` may take to end when cancelled,
    ``patience`` how long a failing discoverer is watched that does not raise, ``block_limit`` how long it may keep its
    loop. The first two are meant for a busy machine: only what breaks a rule takes as long. ``free_labels`` tells that
    label names come from the user, as in a file of targets, so that they need not begin with ``__meta_<kind>_``. A kind
    that polls should poll fast here (``refresh_interval: 50ms``); where it cannot, set ``clock`` to a ``FakeClock`` in
    ``start``, which advances by itself while a rule waits.
    """

    stage: ClassVar[str] = "discovery"
    seconds: float = 30.0
    grace: float = 10.0
    patience: float = 0.5
    block_limit: float = 2.0
    free_labels: bool = False

    def live(self, registry: CollectorRegistry | None = None) -> Life:
        """A discoverer at work, to be entered."""
        return Life(self.make(registry), self.clock, seconds=self.seconds, grace=self.grace)

    @optional
    async def update(self) -> None:
        """Change what is asked, so that the targets of a source change."""

    @optional
    async def retract(self) -> None:
        """Take a source away."""

    @optional
    async def fail(self) -> None:
        """From now on what is asked fails: status 503, a dead socket, an unreadable file."""

    @optional
    async def recover(self) -> None:
        """What is asked works again."""

    @optional
    async def malformed(self) -> AsyncIterator[str]:
        """Make what is asked answer wrongly, in one way after another; yield a name for each."""
        yield ""

    @optional
    async def enlarge(self, count: int) -> None:
        """Make what is asked list ``count`` targets."""


@rule("discovery/first-set")
async def first_set(rig: DiscoveryRig) -> None:
    """The first call of publish holds the full set, each source once, and comes in time."""
    async with rig.live() as life:
        await life.first()
        sources = [group.source for group in life.seen.published[0]]
        if twice := sorted({one for one in sources if sources.count(one) > 1}):
            raise Broken(f"the first set holds source {twice[0]!r} twice")
        await _unchanged(life, "published a set, and then changed it though nothing had changed")


async def _unchanged(life: Life, what: str) -> None:
    """What comes right after the first set must not add to it: then the first was a part only."""
    first = {group.source: group for group in life.seen.published[0] if not group.is_retraction}
    await life.failed_or_quiet(0.1)
    if life.seen.groups != first:
        raise Broken(f"{what}: {_difference(first, life.seen)}")


@rule("discovery/labels")
async def labels(rig: DiscoveryRig) -> None:
    """Discovered labels have legal names under __meta_<kind>_, and each target an address."""
    async with rig.live() as life:
        await life.first()
        for group in life.seen.groups.values():
            for target in group.targets:
                for name in {*group.labels, *target}:
                    _check_name(name, rig)


_PLAIN = ("__address__", "__scheme__", "__metrics_path__", "__scrape_interval__", "__scrape_timeout__")


def _check_name(name: str, rig: DiscoveryRig) -> None:
    if not is_label_name(name, legacy=True):
        raise Broken(f"published a label {name!r}: replace what is not a letter, a digit or _ by _")
    if rig.free_labels or name in _PLAIN or name.startswith(("__param_", "__unix_socket__")):
        return
    if not name.startswith(f"__meta_{rig.kind}_"):
        raise Broken(f"published a label {name!r}: what is discovered goes under __meta_{rig.kind}_…")


@rule("discovery/secrets")
async def secrets(rig: DiscoveryRig) -> None:
    """No secret of the configuration stands in a label, a source or an error."""
    hidden = revealed(rig.parsed())
    async with rig.live() as life:
        await life.first()
        if rig.provides("fail"):
            await rig.fail()
            await life.failed_or_quiet(rig.patience)
        shown = [*map(repr, life.seen.published), *map(str, life.errors)]
    for one in hidden:
        if any(one in text for text in shown):
            raise Broken("shows a secret of its configuration in a label, a source or an error")


def revealed(config: Any) -> list[str]:
    """Every secret text in a configuration, however deep; very short ones would be found by chance."""
    if isinstance(config, Secret):
        return [config.reveal()] if len(config.reveal()) > 3 else []
    if is_dataclass(config):
        return [text for one in fields(config) for text in revealed(getattr(config, one.name))]
    if isinstance(config, dict):
        return [text for one in config.values() for text in revealed(one)]
    if isinstance(config, tuple | list):
        return [text for one in config for text in revealed(one)]
    return []


@rule("discovery/update", needs=("update",))
async def update(rig: DiscoveryRig) -> None:
    """A change is published."""
    async with rig.live() as life:
        await life.first()
        before = dict(life.seen.groups)
        await rig.update()
        await life.until(lambda seen: seen.groups != before, "what update() changed")


@rule("discovery/retract", needs=("retract",))
async def retract(rig: DiscoveryRig) -> None:
    """A source that is gone is retracted by an empty group, and the others stay."""
    async with rig.live() as life:
        await life.first()
        before = set(life.seen.groups)
        await rig.retract()
        await life.until(lambda seen: bool(before - set(seen.groups)), "an empty group for the source that left")


@rule("discovery/cancel")
async def cancel(rig: DiscoveryRig) -> None:
    """When cancelled, run returns within the grace period: while it waits, and before its first answer."""
    async with rig.live() as life:
        await life.first()
    for turns in (0, 3):
        async with rig.live():
            for _ in range(turns):
                await asyncio.sleep(0)


@rule("discovery/leaks")
async def leaks(rig: DiscoveryRig) -> None:
    """When run has returned, no task and no thread of it is left."""
    tasks, threads = asyncio.all_tasks(), set(threading.enumerate())
    async with rig.live() as life:
        await life.first()
    for _ in range(20):
        await asyncio.sleep(0)
    if left := sorted(task_title(one) for one in asyncio.all_tasks() - tasks if not one.done()):
        raise Broken(f"left behind {', '.join(left)}")
    if alive := await asyncio.to_thread(left_threads, threads, rig.grace):
        raise Broken(f"left behind {', '.join(f'thread {one.name!r}' for one in alive)}")


@rule("discovery/again")
async def again(rig: DiscoveryRig) -> None:
    """A run on the same object again, after one that was cancelled or failed, publishes the full set first."""
    discoverer: Discoverer = rig.make()
    sets = []
    for _ in range(2):
        async with Life(discoverer, rig.clock, seconds=rig.seconds, grace=rig.grace) as life:
            await life.first()
            sets.append(life.seen)
    if sets[0].groups != sets[1].groups:
        raise Broken(f"the second run did not publish the full set: {_difference(sets[0].groups, sets[1])}")


@rule("discovery/twins")
async def twins(rig: DiscoveryRig) -> None:
    """Two discoverers of equal configs share a registry, and publish equal groups under equal sources."""
    registry = CollectorRegistry()
    async with rig.live(registry) as one:
        await one.first()
        try:
            other = rig.live(registry)
        except ValueError as error:
            raise Broken(f"cannot be built twice with one registry: {error}") from error
        async with other:
            await other.first()
            if one.seen.groups != other.seen.groups:
                raise Broken(f"equal discoverers publish different groups: {_difference(one.seen.groups, other.seen)}")


def _difference(wanted: dict[str, Any], seen: Recorder) -> str:
    """The first source in which two sets of groups differ, in words."""
    for source in sorted({*wanted, *seen.groups}):
        first, second = wanted.get(source), seen.groups.get(source)
        if first != second:
            return f"source {source!r} was {_few(first)}, and then {_few(second)}"
    return "they are equal"


def _few(group: Any) -> str:
    return "absent" if group is None else f"{len(group.targets)} targets {[dict(one) for one in group.targets[:2]]}"


RULES = (first_set, labels, secrets, update, retract, cancel, leaks, again, twins)
