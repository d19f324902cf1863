"""Loads plugins, asks each for its contributions, and remembers whose each one is.

The only code that touches pluggy. Implementations are called one by one rather than by pluggy's own fan-out, which
stops at the first that raises and does not tell whose it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from difflib import get_close_matches
from inspect import isasyncgenfunction, iscoroutine, iscoroutinefunction, signature
from itertools import islice
from typing import Any, TypeVar

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

_HOOKS: Mapping[str, type[Any]] = {
    "narthex_discovery_kinds": DiscoveryKind,
    "narthex_relabel_actions": RelabelAction,
    "narthex_scrape_kinds": ScrapeKind,
    "narthex_storage_kinds": StorageKind,
    "narthex_receiver_kinds": ReceiverKind,
    "narthex_promql_functions": PromqlFunction,
    "narthex_template_functions": TemplateFunction,
    "narthex_web_routes": WebRoute,
    "narthex_commands": Command,
}
"""Each hook, and the kind of what it returns."""


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
        self._found = {kind: self._collect(getattr(self._manager.hook, hook), kind) for hook, kind in _HOOKS.items()}

    def plugins(self) -> tuple[Origin, ...]:
        """The plugins that were loaded, shipped ones first."""
        return tuple(self._origins.values())

    def failures(self) -> tuple[PluginFailure, ...]:
        """Everything that went wrong and was survived, in the order it happened."""
        return tuple(self._failures)

    def contributions(self, kind: type[K]) -> tuple[Contribution[K], ...]:
        """What the plugins bring of one kind, such as ``DiscoveryKind``, in the order in which they were loaded."""
        return self._found[kind]

    def conflicts(self) -> tuple[str, ...]:
        """Names that are contributed twice, a line for each, naming both plugins and their distributions."""
        return tuple(line for stage in self._found.values() for line in conflicts(stage))

    def catalog(self) -> Catalog:
        """Every contribution by stage and name. Raises ``PluginConflictError`` when a name is contributed twice."""
        if lines := self.conflicts():
            raise PluginConflictError("; ".join(lines))
        return Catalog(
            discovery=self._by_name(DiscoveryKind),
            relabel=self._by_name(RelabelAction),
            scrape=self._by_name(ScrapeKind),
            storage=self._by_name(StorageKind),
            receivers=self._by_name(ReceiverKind),
            promql=self._by_name(PromqlFunction),
            templates=self._by_name(TemplateFunction),
            routes=self._by_name(WebRoute),
            commands=self._by_name(Command),
        )

    def _by_name(self, kind: type[K]) -> Mapping[str, Contribution[K]]:
        return {one.name: one for one in self.contributions(kind)}

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
                if reason := _misuse(plugin, impl):
                    return caller.name, reason
        for hook in _HOOKS:
            if callable(getattr(plugin, hook, None)) and self._manager.parse_hookimpl_opts(plugin, hook) is None:
                return hook, "is not marked as a hook; write @hookimpl (from narthex import hookimpl) above it"
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
                        raise _WrongAnswerError(problem)
                    if isinstance(item, kind):
                        found.append(Contribution(item, origin))
        return tuple(found)

    @contextmanager
    def _contained(self, origin: Origin, doing: str, hook: str = "") -> Iterator[None]:
        """Turn whatever a plugin raises, ``SystemExit`` included, into a failure that names it."""
        try:
            yield
        except KeyboardInterrupt:
            raise
        except _WrongAnswerError as error:
            self._failures.append(PluginFailure(origin, str(error), hook))
        except BaseException as error:  # noqa: BLE001 - the point of the method
            self._failures.append(PluginFailure.of(origin, doing, error, hook))


class _WrongAnswerError(Exception):
    """A hook answered, with something else than it is asked for; the text is ours and says so."""


def _misuse(plugin: object, impl: pluggy.HookImpl) -> str:
    """Why an implementation cannot be called as hooks are; empty where it can."""
    if impl.wrapper or impl.hookwrapper:
        return "is a wrapper; hooks are called one by one and cannot be wrapped"
    if iscoroutinefunction(impl.function) or isasyncgenfunction(impl.function):
        return "is async; hooks are plain functions that return kinds"
    if isinstance(plugin, type) and signature(impl.function).parameters:
        return f"is a method of the class {plugin.__name__}; the plugin must be an object or a module, not a class"
    return ""


def _listed(result: object) -> list[object]:
    """The kinds that a hook returned. Raises ``_WrongAnswerError`` for what is no iterable, or has no end."""
    if iscoroutine(result):
        result.close()  # or Python warns that it was never awaited
    if not isinstance(result, Iterable) or isinstance(result, str | bytes):
        hint = "; write [...] around it" if type(result) in _HOOKS.values() else ""
        raise _WrongAnswerError(f"returned {result!r:.80}, expected an iterable of kinds{hint}")
    items = list(islice(result, _MOST + 1))
    if len(items) > _MOST:
        raise _WrongAnswerError(f"returned more than {_MOST} kinds")
    return items


def _unknown(hook: str) -> str:
    close = get_close_matches(hook, _HOOKS, 1)
    hint = f"did you mean {close[0]}?" if close else "the plugin may need a newer narthex"
    return f"is not a hook of this narthex; {hint}"
