"""A rig: one kind of a plugin, with everything around it that a contract needs to try it.

An author writes a rig once, and both pytest (:mod:`narthex.testing.contract`) and ``narthex plugins conform`` use it. A
rig is made anew for every rule, and lives on an event loop of its own: :meth:`Rig.start` sets the surroundings up,
what was given to :meth:`Rig.enter` is closed at the end. Methods that a stage's rig lists as optional may be left out;
the rules that need them are then reported as not checked.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from prometheus_client import CollectorRegistry

from narthex.clock import Clock, SystemClock
from narthex.config.decode import decode_yaml
from narthex.errors import ConfigError
from narthex.kinds import BuildContext
from narthex.plugins.catalog import Catalog
from narthex.plugins.host import PluginHost
from narthex.testing.rule import Broken, Unchecked

__all__ = ["TABLES", "ConfiguredRig", "Rig", "lacking", "optional"]

T = TypeVar("T")


class Rig:
    """What all rigs share. A subclass for a stage adds what the rules of the stage ask for.

    Set ``plugin`` (the module or object with the hooks) and ``kind`` (the name of the kind). ``limit`` is how long a
    rule may take, in seconds. ``reaches`` names addresses beyond loopback that the kind has to reach, such as a group
    of multicast; ``unguarded`` names guards that must not watch, because of what surrounds the kind.
    """

    stage: ClassVar[str] = ""
    plugin: ClassVar[object] = None
    kind: ClassVar[str] = ""
    given: ClassVar[Catalog | None] = None
    limit: float = 120.0
    reaches: tuple[str, ...] = ()
    unguarded: tuple[str, ...] = ()
    clock: Clock

    def __init__(self) -> None:
        self.clock = SystemClock()
        self._stack = AsyncExitStack()
        self._catalog = self.given

    # --- for the author ----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Set the surroundings up: a server that is asked, a file that is read. Called before every rule."""

    async def enter(self, manager: AbstractAsyncContextManager[T] | AbstractContextManager[T]) -> T:
        """Enter a context manager, async or not, that is left after the rule."""
        if isinstance(manager, AbstractAsyncContextManager):
            return await self._stack.enter_async_context(manager)
        return self._stack.enter_context(manager)

    def directory(self) -> Path:
        """A new, empty directory that is removed after the rule."""
        return Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="narthex-testing-")))

    # --- for the rules -----------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self._stack.__aenter__()
        try:
            await self.start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    def title(self) -> str:
        """The kind and whose it is, for messages."""
        return f"{self.stage} {self.kind} of {_name_of(self.plugin)}"

    def provides(self, method: str) -> bool:
        """Whether the author has written this optional method."""
        return not getattr(getattr(type(self), method, None), "is_optional", False)

    def catalog(self) -> Catalog:
        """What the plugin contributes (``given`` where it is loaded). Raises ``Broken`` where it does not load."""
        if self._catalog is None:
            host = PluginHost({_name_of(self.plugin): self.plugin}, scan=False)
            if failures := host.failures():
                raise Broken("; ".join(map(str, failures)))
            self._catalog = host.catalog()
        return self._catalog

    def described(self) -> Any:
        """The kind as the plugin's hook returns it. Raises ``Broken`` where it does not."""
        kinds: Mapping[str, Any] = getattr(self.catalog(), TABLES[self.stage])
        if self.kind not in kinds:
            raise Broken(f"{_name_of(self.plugin)} contributes no {self.stage} kind {self.kind!r}")
        return kinds[self.kind].kind


class ConfiguredRig(Rig):
    """A rig of a kind that has a configuration and a builder."""

    def config(self) -> Any:
        """The kind's section as it stands in the file (a mapping), or an instance of its dataclass.

        A tuple of them for a kind that merges the blocks of a job.
        """
        return {}

    def build(self, config: Any, context: BuildContext) -> Any:
        """Build the object at work; override it where a test hands more to the builder than a server does."""
        return self.described().build(config, context)

    def parsed(self) -> Any:
        """``config`` as the builder gets it, read anew at each call. Raises ``Broken`` where it can't be read."""
        given = self.config()
        if getattr(self.described(), "merge", False):  # its builder takes all blocks of a job together
            return tuple(self._read(one) for one in (given if isinstance(given, tuple) else (given,)))
        return self._read(given)

    def _read(self, given: Any) -> Any:
        if is_dataclass(given):
            return given
        try:
            return decode_yaml(self.described().config, json.dumps(given), "config() of the rig")
        except ConfigError as error:
            raise Broken(f"its config cannot be read: {error}") from error

    def context(self, registry: CollectorRegistry | None = None) -> BuildContext:
        """A context for the builder: the rig's clock, a log of its own, and no data directory."""
        log = logging.LoggerAdapter(logging.getLogger(f"narthex.testing.{self.kind}"))
        return BuildContext(f"{self.kind}/0", self.clock, log, registry or CollectorRegistry(), None, job="test")

    def make(self, registry: CollectorRegistry | None = None) -> Any:
        """The object at work, built as a server builds it."""
        return self.build(self.parsed(), self.context(registry))


F = TypeVar("F", bound=Callable[..., Any])


def optional(method: F) -> F:
    """Mark a method of a rig that its author may leave out."""
    setattr(method, "is_optional", True)  # noqa: B010 -- functions take attributes, which mypy does not follow
    return method


def lacking(rig: Rig, needs: tuple[str, ...]) -> None:
    """Raise ``Unchecked`` where the rig does not have what a rule needs."""
    if missing := [f"{name}()" for name in needs if not rig.provides(name)]:
        raise Unchecked(f"the rig has no {' and no '.join(missing)}")


TABLES = {
    "discovery": "discovery",
    "relabel": "relabel",
    "scrape": "scrape",
    "storage": "storage",
    "receiver": "receivers",
    "function": "promql",
    "template": "templates",
    "route": "routes",
    "command": "commands",
}
"""The catalog's table of each stage."""


def _name_of(plugin: object) -> str:
    return str(getattr(plugin, "__name__", None) or type(plugin).__name__)
