"""Runs one rule with one rig, on an event loop of its own, with the guards on; always ends in a verdict."""

from __future__ import annotations

import asyncio
import time
import traceback

from narthex.plugins.failure import describe
from narthex.testing.guards import Finding, Guards
from narthex.testing.rig import Rig, lacking
from narthex.testing.rule import Broken, Rule, State, Unchecked, Verdict

__all__ = ["try_rule"]


def try_rule(rule: Rule, rig: Rig, guards: Guards) -> tuple[Verdict, list[Finding]]:
    """The verdict, and what the guards found on the way. Only ``KeyboardInterrupt`` passes."""
    begin = time.monotonic()
    state: State
    with guards.watch(off=rig.unguarded, allowed=rig.reaches) as found:
        try:
            lacking(rig, rule.needs)
            asyncio.run(_checked(rule, rig))
            state, what = "kept", ""
        except Unchecked as reason:
            state, what = "unchecked", str(reason)
        except Broken as reason:
            state, what = "broken", str(reason)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 -- whatever a plugin does, there is a verdict
            state, what = "broken", f"raised {describe(error)}{_place(error)}"
    return Verdict(rule.id, state, what, time.monotonic() - begin), found


async def _checked(rule: Rule, rig: Rig) -> None:
    try:
        async with asyncio.timeout(rig.limit) as limit, rig:
            await rule.check(rig)
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise Broken(f"was not done after {rig.limit:g} s{_place(error)}") from error


def _place(error: BaseException) -> str:
    """Where it was raised: the innermost call, for a message of one line."""
    frames = traceback.extract_tb(error.__traceback__)
    return f", at {frames[-1].filename}:{frames[-1].lineno} {frames[-1].name}" if frames else ""
