"""The distribution under examination: what it contributes, and which rigs it declares.

A distribution declares its rigs by entry points of the group ``narthex_conformance``: a module, in which every rig that
is defined there counts, or one class. A kind without a rig gets the plain one of its stage, for the rules that need no
surroundings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution
from types import ModuleType
from typing import Any

from narthex.plugins.catalog import STAGES, Catalog, Contribution, Origin
from narthex.plugins.host import PluginHost
from narthex.plugins.sources import GROUP, normal_name
from narthex.testing.rig import TABLES, Rig
from narthex.testing.rigs import RIGS

__all__ = ["RIG_GROUP", "Examined", "Subject"]

RIG_GROUP = "narthex_conformance"
"""The entry-point group that announces rigs."""

_OTHER_WORDS = {"promql": "function", "web": "route"}
"""Stages that rigs and reports call otherwise than listings do."""


@dataclass(frozen=True, slots=True)
class Examined:
    """One kind. ``rig`` makes a new rig for each rule; ``declared`` tells that it is the author's."""

    stage: str
    name: str
    plugin: str
    rig: Callable[[], Rig]
    declared: bool


class Subject:
    """A distribution by name. Building it imports its plugins and its rigs; nothing is run yet.

    ``shipped`` are the plugins of the composition file: they are examined when the name is ``narthex``, and otherwise
    tell which names are taken. Raises ``LookupError`` where no such distribution is installed.
    """

    def __init__(self, name: str, shipped: Mapping[str, object]) -> None:
        try:
            self.metadata = distribution(name)
        except PackageNotFoundError:
            raise LookupError(f"no distribution {name!r} is installed") from None
        self.name, self.version = self.metadata.name, self.metadata.version
        self.own = normal_name(self.name) == "narthex"
        self.points = [*self.metadata.entry_points.select(group=GROUP)]
        self.host = PluginHost(shipped, allow=frozenset() if self.own else frozenset({normal_name(self.name)}))
        self.rig_problems: list[str] = []
        self._rigs = {(one.stage, one.kind): one for one in self._declared()}

    def kinds(self) -> list[Examined]:
        """Its kinds, in the order of the hooks."""
        return [
            self._kind(stage, one)
            for stage, contributions in self._contributions()
            for one in contributions
            if self.is_mine(one.origin)
        ]

    def is_mine(self, origin: Origin) -> bool:
        """Whether a contribution is the distribution's."""
        return normal_name(origin.distribution) == normal_name(self.name)

    def strays(self) -> list[str]:
        """Rigs for kinds that the distribution does not contribute."""
        known = {(one.stage, one.name) for one in self.kinds()}
        strays = [(key, rig) for key, rig in self._rigs.items() if key not in known]
        return [f"{rig.__qualname__} is for {stage} kind {name!r}, which is not there" for (stage, name), rig in strays]

    def _contributions(self) -> Iterator[tuple[str, tuple[Contribution[Any], ...]]]:
        for stage, kind in STAGES.items():
            yield _OTHER_WORDS.get(stage, stage), self.host.contributions(kind)

    def _kind(self, stage: str, one: Contribution[Any]) -> Examined:
        name = one.name
        if (declared := self._rigs.get((stage, name))) is not None:
            return Examined(stage, name, one.origin.plugin, declared, declared=True)
        # The kind alone is enough for its rules, whatever names it may conflict with.
        given = Catalog(**{TABLES[stage]: {name: one}})
        base = RIGS.get(stage, Rig)
        claims = {"durable": False, "histograms": False} if stage == "storage" else {}
        plain = type(
            f"Plain{base.__name__}",
            (base,),
            {"stage": stage, "kind": name, "given": given, "plugin": one.origin, **claims},
        )
        return Examined(stage, name, one.origin.plugin, plain, declared=False)

    def _declared(self) -> Iterator[type[Rig]]:
        for point in self.metadata.entry_points.select(group=RIG_GROUP):
            try:
                yield from _rigs_in(point, point.load())
            except (Exception, SystemExit) as error:  # noqa: BLE001 -- reported as a broken rule
                self.rig_problems.append(f"{point.value} cannot be used: {type(error).__name__}: {error}")


def _rigs_in(point: EntryPoint, found: object) -> list[type[Rig]]:
    if isinstance(found, type) and issubclass(found, Rig):
        return [found]
    if not isinstance(found, ModuleType):
        raise TypeError("it is neither a module nor a rig")
    rigs = [
        one
        for one in vars(found).values()
        if isinstance(one, type) and issubclass(one, Rig) and one.__module__ == found.__name__ and one.kind
    ]
    if not rigs:
        raise TypeError(f"{point.value} defines no rig")
    return rigs
