"""Loads plugins, asks each for its contributions, and remembers whose each one is.

The only code that touches pluggy. Implementations are called one by one rather than by pluggy's own fan-out, which
stops at the first that raises and does not tell whose it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from difflib import get_close_matches
from inspect import isasyncgenfunction, iscoroutine, iscoroutinefunction
from itertools import islice
from typing import TypeVar

import pluggy

from narthex import hookspec
from narthex.errors import PluginConflictError
from narthex.kinds import (
    Command,
    DiscoveryKind,
    PromqlFunction,
    ReceiverKind,
    RelabelAction,
    ScrapeKind,
    StorageKind,
    TemplateFunction,
    WebRoute,
)
from narthex.plugins.catalog import Catalog, Contribution, Origin
from narthex.plugins.checks import check
from narthex.plugins.conflicts import conflicts
from narthex.plugins.failure import PluginFailure
from narthex.plugins.sources import Found, foreign, unmatched
from narthex.plugins.sources import shipped as shipped_plugins

__all__ = ["PluginHost"]

K = TypeVar("K")
_MOST = 1000  # contributions of one hook of one plugin; a generator that never ends must not hang the start


class PluginHost:
    """The plugins of one process and what they contribute.

    ``shipped`` maps plugin names to modules or objects, from the composition file. With ``scan``, installed plugins
    of others are loaded too, as far as ``allow`` admits them (:func:`narthex.plugins.sources.allow_list`).

    Building a host imports the plugins and calls every hook once. A plugin that fails is reported by
    :meth:`failures` and left out; a ``KeyboardInterrupt`` alone passes.
    """

    def __init__(
        self, shipped: Mapping[str, object], *, scan: bool = True, allow: AbstractSet[str] | None = None
    ) -> None:
        self._manager = pluggy.PluginManager("narthex")
        self._manager.add_hookspecs(hookspec)
        self._origins: dict[str, Origin] = {}
        self._failures: list[PluginFailure] = []
        strangers = foreign(allow) if scan else []
        for found in (*shipped_plugins(shipped), *strangers):
            self._load(found)
        for name in unmatched(allow, strangers) if scan else ():
            self._failures.append(PluginFailure(Origin(name), "is named by NARTHEX_PLUGINS but is not installed"))
        hooks = self._manager.hook
        self._discovery = self._collect(hooks.narthex_discovery_kinds, DiscoveryKind)
        self._relabel = self._collect(hooks.narthex_relabel_actions, RelabelAction)
        self._scrape = self._collect(hooks.narthex_scrape_kinds, ScrapeKind)
        self._storage = self._collect(hooks.narthex_storage_kinds, StorageKind)
        self._receivers = self._collect(hooks.narthex_receiver_kinds, ReceiverKind)
        self._promql = self._collect(hooks.narthex_promql_functions, PromqlFunction)
        self._templates = self._collect(hooks.narthex_template_functions, TemplateFunction)
        self._routes = self._collect(hooks.narthex_web_routes, WebRoute)
        self._commands = self._collect(hooks.narthex_commands, Command)

    def plugins(self) -> tuple[Origin, ...]:
        """The plugins that were loaded, shipped ones first."""
        return tuple(self._origins.values())

    def failures(self) -> tuple[PluginFailure, ...]:
        """Everything that went wrong and was survived, in the order it happened."""
        return tuple(self._failures)

    def conflicts(self) -> tuple[str, ...]:
        """Names that are contributed twice, a line for each, naming both plugins and their distributions."""
        return tuple(
            line
            for stage in (
                self._discovery, self._relabel, self._scrape, self._storage, self._receivers, self._promql,
                self._templates, self._routes,
                self._commands,
            )
            for line in conflicts(stage)
        )  # fmt: skip

    def catalog(self) -> Catalog:
        """Every contribution by stage and name. Raises ``PluginConflictError`` when a name is contributed twice."""
        if lines := self.conflicts():
            raise PluginConflictError("; ".join(lines))
        return Catalog(
            discovery={one.kind.name: one for one in self._discovery},
            relabel={one.kind.name: one for one in self._relabel},
            scrape={one.kind.name: one for one in self._scrape},
            storage={one.kind.name: one for one in self._storage},
            receivers={one.kind.name: one for one in self._receivers},
            promql={one.kind.name: one for one in self._promql},
            templates={one.kind.name: one for one in self._templates},
            routes={f"{one.kind.method} {one.kind.path}": one for one in self._routes},
            commands={one.kind.name: one for one in self._commands},
        )

    # One typed method for each hook, so that nobody else calls pluggy's untyped ones.

    def discovery_kinds(self) -> tuple[Contribution[DiscoveryKind], ...]:
        """What ``narthex_discovery_kinds`` brought."""
        return self._discovery

    def relabel_actions(self) -> tuple[Contribution[RelabelAction], ...]:
        """What ``narthex_relabel_actions`` brought."""
        return self._relabel

    def scrape_kinds(self) -> tuple[Contribution[ScrapeKind], ...]:
        """What ``narthex_scrape_kinds`` brought."""
        return self._scrape

    def storage_kinds(self) -> tuple[Contribution[StorageKind], ...]:
        """What ``narthex_storage_kinds`` brought."""
        return self._storage

    def receiver_kinds(self) -> tuple[Contribution[ReceiverKind], ...]:
        """What ``narthex_receiver_kinds`` brought."""
        return self._receivers

    def promql_functions(self) -> tuple[Contribution[PromqlFunction], ...]:
        """What ``narthex_promql_functions`` brought."""
        return self._promql

    def template_functions(self) -> tuple[Contribution[TemplateFunction], ...]:
        """What ``narthex_template_functions`` brought."""
        return self._templates

    def web_routes(self) -> tuple[Contribution[WebRoute], ...]:
        """What ``narthex_web_routes`` brought."""
        return self._routes

    def commands(self) -> tuple[Contribution[Command], ...]:
        """What ``narthex_commands`` brought."""
        return self._commands

    def _load(self, found: Found) -> None:
        with self._contained(found.origin, "cannot be loaded"):
            plugin = found.load()
            if plugin is None:
                raise TypeError("the plugin is None, expected a module or an object")
            name = f"{found.origin.distribution}:{found.origin.plugin}"
            self._manager.register(plugin, name)
            if refusal := self._refusal(plugin):
                self._manager.unregister(name=name)
                self._failures.append(PluginFailure(found.origin, refusal[1], refusal[0]))
            else:
                self._origins[name] = found.origin

    def _refusal(self, plugin: object) -> tuple[str, str] | None:
        """Hook and reason why a registered plugin cannot stay. Half a plugin is worse than none, so all of it goes."""
        callers = self._manager.get_hookcallers(plugin) or []
        for caller in callers:
            for impl in (one for one in caller.get_hookimpls() if one.plugin is plugin):
                if not caller.has_spec() and not impl.optionalhook:
                    return caller.name, _unknown(caller.name)
                if impl.wrapper or impl.hookwrapper:
                    return caller.name, "is a wrapper; hooks are called one by one and cannot be wrapped"
                if iscoroutinefunction(impl.function) or isasyncgenfunction(impl.function):
                    return caller.name, "is async; hooks are plain functions that return kinds"
        return None if callers else ("", "implements no hook; mark functions with narthex.hookimpl")

    def _collect(self, hook: pluggy.HookCaller, kind: type[K]) -> tuple[Contribution[K], ...]:
        found: list[Contribution[K]] = []
        for impl in hook.get_hookimpls():
            origin = self._origins[impl.plugin_name]
            items: list[object] = []
            with self._contained(origin, "raised", hook.name):
                items = _listed(impl.function())
            for item in items:
                with self._contained(origin, "raised", hook.name):  # even a repr may
                    if problem := check(item, kind):
                        self._failures.append(PluginFailure(origin, problem, hook.name))
                    elif isinstance(item, kind):
                        found.append(Contribution(item, origin))
        return tuple(found)

    @contextmanager
    def _contained(self, origin: Origin, doing: str, hook: str = "") -> Iterator[None]:
        """Turn whatever a plugin raises, ``SystemExit`` included, into a failure that names it."""
        try:
            yield
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - the point of the method
            self._failures.append(PluginFailure.of(origin, doing, error, hook))


def _listed(result: object) -> list[object]:
    if iscoroutine(result):
        result.close()  # or Python warns that it was never awaited
    if not isinstance(result, Iterable) or isinstance(result, str | bytes):
        raise TypeError(f"returned {result!r:.80}, expected an iterable of kinds")
    items = list(islice(result, _MOST + 1))
    if len(items) > _MOST:
        raise ValueError(f"returned more than {_MOST} kinds")
    return items


def _unknown(hook: str) -> str:
    close = get_close_matches(hook, hookspec.__all__, 1)
    hint = f"did you mean {close[0]}?" if close else "the plugin may need a newer narthex"
    return f"is not a hook of this narthex; {hint}"
