"""What every kind has to keep, whatever its stage: summary, configuration, imports, an idle builder."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from dataclasses import fields
from typing import Any, get_args, get_type_hints

from narthex.testing.guards.finding import Finding
from narthex.testing.guards.io import io_guard
from narthex.testing.rig import ConfiguredRig, Rig
from narthex.testing.rule import Broken, Unchecked, rule

__all__ = ["CONFIGURED", "RULES"]

_LONGEST = 120
_SECRET = re.compile(r"(?:^|_)(?:password|passwd|passphrase|secret|secret_key|token|api_key|credentials)$")


@rule("kind/summary")
async def summary(rig: Rig) -> None:
    """The kind says in one line what it is, for listings."""
    text = rig.described().summary
    if not text.strip():
        raise Broken("has no summary")
    if "\n" in text or len(text) > _LONGEST:
        raise Broken(f"has a summary of more than a line or {_LONGEST} characters")


@rule("kind/config-equality")
async def config_equality(rig: ConfiguredRig) -> None:
    """The same section read twice is equal, so that a reload keeps what runs."""
    one, other = rig.parsed(), rig.parsed()
    if one != other:
        raise Broken(f"the same section is not equal when it is read again: {one!r:.120} and {other!r:.120}")


@rule("kind/config-secrets")
async def config_secrets(rig: ConfiguredRig) -> None:
    """Settings that are secrets by their name are of the type Secret, which masks them everywhere."""
    config = rig.described().config
    hints = get_type_hints(config)
    for one in fields(config):
        if _SECRET.search(one.name) and str in {hints[one.name], *get_args(hints[one.name])}:
            raise Broken(f"{config.__name__}.{one.name} is text; make it a narthex.config.types.Secret")


@rule("kind/lazy-imports")
async def lazy_imports(rig: ConfiguredRig) -> None:
    """What the kind requires is imported by build, not with the plugin: kinds are listed where it is missing."""
    kind = rig.described()
    if not kind.requires:
        return
    code = f"import sys, {kind.config.__module__}; print(*(set(sys.modules) & {set(kind.requires)!r}))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Unchecked(f"{kind.config.__module__} cannot be imported by itself: {done.stderr[-200:]}")
    if loaded := done.stdout.split():
        raise Broken(f"importing {kind.config.__module__} imports {', '.join(sorted(loaded))}; import it inside build")


@rule("kind/idle-build")
async def idle_build(rig: ConfiguredRig) -> None:
    """Build does no I/O: it opens nothing, asks nobody, starts no task."""
    built: list[Any] = [rig.make()]  # the first time imports what the kind requires
    tasks, found = asyncio.all_tasks(), list[Finding]()
    with io_guard().watch(found):
        built.append(rig.make())
    if found:
        raise Broken(f"build {found[0].what}")
    if started := asyncio.all_tasks() - tasks:
        raise Broken(f"build starts the task {started.pop().get_name()!r}")


CONFIGURED = (summary, config_equality, config_secrets, lazy_imports, idle_build)
"""For kinds with a configuration and a builder."""

RULES = (summary,)
"""For all others."""
