"""The rules of a distribution: it loads, takes no name that is taken, and says which narthex it is for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from narthex.plugins.sources import GROUP, normal_name
from narthex.testing.rig import Rig
from narthex.testing.rule import Broken, rule

if TYPE_CHECKING:
    from narthex.testing.conform.subject import Subject

__all__ = ["RULES", "DistributionRig"]

_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)\s*(?:\[[^\]]*\])?\s*\(?([^;)]*)")
_BOUNDS = ("<", "==", "~=")


class DistributionRig(Rig):
    """The distribution itself."""

    def __init__(self, subject: Subject) -> None:
        super().__init__()
        self.subject = subject


@rule("plugin/loads")
async def loads(rig: DistributionRig) -> None:
    """Every plugin of the distribution loads, and every hook returns what it is asked for."""
    if failures := [str(one) for one in rig.subject.host.failures() if rig.subject.is_mine(one.origin)]:
        raise Broken("; ".join(failures))


@rule("plugin/contributes")
async def contributes(rig: DistributionRig) -> None:
    """The distribution announces a plugin, and the plugin contributes something."""
    if not rig.subject.points and not rig.subject.own:
        raise Broken(f"has no entry point of the group {GROUP!r}")
    if not rig.subject.kinds():
        raise Broken("contributes nothing")


@rule("plugin/names")
async def names(rig: DistributionRig) -> None:
    """No name that it contributes is taken by what ships, or contributed twice."""
    if lines := rig.subject.host.conflicts():
        raise Broken("; ".join(lines))


@rule("plugin/requires")
async def requires(rig: DistributionRig) -> None:
    """Its metadata says which versions of narthex it is for, with an upper bound."""
    if rig.subject.own:
        return
    for one in rig.subject.metadata.requires or ():
        found = _REQUIREMENT.match(one)
        if found and normal_name(found[1]) == "narthex":
            if any(sign in found[2] for sign in _BOUNDS):
                return
            raise Broken(f"requires {one!r} without an upper bound; a new major version may break it")
    raise Broken("does not require narthex; add narthex with its versions to the dependencies")


@rule("plugin/rigs")
async def rigs(rig: DistributionRig) -> None:
    """The rigs that it declares can be loaded, and are for kinds that it contributes."""
    if problems := [*rig.subject.rig_problems, *rig.subject.strays()]:
        raise Broken("; ".join(problems))


RULES = (loads, contributes, names, requires, rigs)
