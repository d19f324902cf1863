from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from narthex import __version__, hookimpl, hookspec
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
from narthex.plugins.catalog import STAGES, Origin
from narthex.plugins.failure import PluginFailure
from narthex.plugins.host import _HOOKS, PluginHost


@dataclass(frozen=True)
class Config:
    room: str = ""


def discovery(name="rooms", **changes):
    return DiscoveryKind(**{"name": name, "config": Config, "build": lambda config, context: None, **changes})


def contributing(hook, result):
    """A plugin object whose one hook answers ``result``, or raises it."""

    def implementation():
        if isinstance(result, BaseException):
            raise result
        return result

    return SimpleNamespace(**{hook: hookimpl(implementation)})


def nothing():
    return []


def host_of(**plugins):
    return PluginHost(plugins, scan=False)


def test_a_shipped_plugin_belongs_to_narthex():
    host = host_of(rooms=contributing("narthex_discovery_kinds", [discovery()]))
    (found,) = host.contributions(DiscoveryKind)
    assert found.kind.name == "rooms"
    assert found.origin == Origin("rooms", "narthex", __version__)
    assert host.plugins() == (found.origin,)
    assert host.failures() == ()


@pytest.mark.parametrize(
    ("hook", "kind", "stage"),
    [
        ("discovery_kinds", discovery("x"), "discovery"),
        ("relabel_actions", RelabelAction("x", lambda rule: lambda labels: labels), "relabel"),
        ("scrape_kinds", ScrapeKind("x", (("X1", "x/y"),), ("x/y",), lambda body, kind: []), "scrape"),
        ("storage_kinds", StorageKind("x", Config, lambda config, context: None), "storage"),
        ("receiver_kinds", ReceiverKind("x", Config, lambda config, context: None), "receivers"),
        ("promql_functions", PromqlFunction("x", ("vector",), lambda values: values), "promql"),
        ("template_functions", TemplateFunction("x", lambda: ""), "templates"),
        ("web_routes", WebRoute("GET", "/x", lambda request, server: None), "routes"),
        ("commands", Command("x", lambda: None), "commands"),
    ],
)
def test_what_every_hook_brings_reaches_the_catalog(hook, kind, stage):
    host = host_of(it=contributing(f"narthex_{hook}", iter([kind])))
    (found,) = host.contributions(type(kind))
    assert found.kind is kind
    assert list(getattr(host.catalog(), stage).values()) == [found]
    assert host.failures() == ()


def test_a_hook_is_called_once_for_each_host():
    calls = []
    plugin = SimpleNamespace(narthex_discovery_kinds=hookimpl(lambda: calls.append(1) or [discovery()]))
    host = host_of(it=plugin)
    host.contributions(DiscoveryKind), host.catalog(), host.catalog()
    assert len(calls) == 1


@pytest.mark.parametrize(
    "raised", [ValueError("bad\nday"), SystemExit(4), GeneratorExit(), type("Odd", (BaseException,), {})("bad day")]
)
def test_a_hook_that_raises_is_reported_and_the_others_stay(raised):
    host = host_of(
        good=contributing("narthex_discovery_kinds", [discovery()]), bad=contributing("narthex_discovery_kinds", raised)
    )
    assert [one.kind.name for one in host.contributions(DiscoveryKind)] == ["rooms"]
    (failure,) = host.failures()
    assert failure.origin == Origin("bad", "narthex", __version__)
    assert failure.hook == "narthex_discovery_kinds"
    assert failure.what.startswith(f"raised: {type(raised).__name__}")
    assert "\n" not in str(failure)
    assert "in implementation" in failure.traceback


def test_an_interrupt_by_the_user_is_not_swallowed():
    with pytest.raises(KeyboardInterrupt):
        host_of(it=contributing("narthex_discovery_kinds", KeyboardInterrupt()))


def test_a_generator_that_raises_half_way_contributes_nothing():
    def half():
        yield discovery()
        raise RuntimeError("half way")

    host = host_of(it=SimpleNamespace(narthex_discovery_kinds=hookimpl(half)))
    assert host.contributions(DiscoveryKind) == ()
    assert "half way" in host.failures()[0].what


def test_an_endless_generator_does_not_hang_the_start():
    def endless():
        while True:
            yield discovery()

    host = host_of(it=SimpleNamespace(narthex_discovery_kinds=hookimpl(endless)))
    assert host.contributions(DiscoveryKind) == ()
    assert "more than 1000" in host.failures()[0].what


@pytest.mark.parametrize("rubbish", [None, 7, "rooms", b"rooms", discovery()])
def test_what_is_no_iterable_of_kinds_is_reported(rubbish):
    host = host_of(it=contributing("narthex_discovery_kinds", rubbish))
    assert host.contributions(DiscoveryKind) == ()
    assert host.failures()[0].what.startswith("returned ")
    assert "expected an iterable of kinds" in host.failures()[0].what


def test_a_kind_that_is_not_in_a_list_is_told_where_to_put_it():
    host = host_of(it=contributing("narthex_discovery_kinds", discovery()))
    assert host.failures()[0].what.endswith("expected an iterable of kinds; write [...] around it")


def test_every_hook_of_the_specification_is_called():
    assert sorted(STAGES.values(), key=str) == sorted(host_of()._found, key=str)
    assert set(hookspec.__all__) == set(_HOOKS)


def test_a_coroutine_as_an_answer_is_reported_and_not_left_unawaited():
    async def later():
        return []

    def answer():
        coroutine = later()
        return coroutine  # noqa: RET504 - returned unawaited on purpose

    host = host_of(it=SimpleNamespace(narthex_discovery_kinds=hookimpl(answer)))
    assert "expected an iterable of kinds" in host.failures()[0].what


def test_one_wrong_kind_does_not_take_the_right_ones_along():
    host = host_of(it=contributing("narthex_discovery_kinds", [discovery("Bad Name"), discovery("good"), "rubbish"]))
    assert [one.kind.name for one in host.contributions(DiscoveryKind)] == ["good"]
    assert [failure.hook for failure in host.failures()] == ["narthex_discovery_kinds"] * 2


def test_a_kind_whose_repr_raises_is_contained():
    class Hostile:
        def __repr__(self):
            raise SystemExit("no")

    host = host_of(it=contributing("narthex_discovery_kinds", [Hostile(), discovery()]))
    assert len(host.contributions(DiscoveryKind)) == 1
    assert "SystemExit" in host.failures()[0].what


class Wrapper:
    @hookimpl(wrapper=True)
    def narthex_discovery_kinds(self):
        return (yield)


class OldWrapper:
    @hookimpl(hookwrapper=True)
    def narthex_discovery_kinds(self):
        yield


class Async:
    @hookimpl
    async def narthex_discovery_kinds(self):
        return []


class AsyncGenerator:
    @hookimpl
    async def narthex_discovery_kinds(self):
        yield discovery()


class UnknownArgument:
    @hookimpl
    def narthex_discovery_kinds(self, server):
        return []


class Unmarked:
    @hookimpl
    def narthex_web_routes(self):
        return [WebRoute("GET", "/x", lambda request, server: None)]

    def narthex_discovery_kinds(self):
        return [discovery()]


class NoInstance:
    @hookimpl
    def narthex_discovery_kinds(self):
        return [discovery()]


class UnknownHook:
    @hookimpl
    def narthex_discovery_kind(self):
        return []

    @hookimpl
    def narthex_web_routes(self):
        return [WebRoute("GET", "/x", lambda request, server: None)]


@pytest.mark.parametrize(
    ("plugin", "reason"),
    [
        (Wrapper(), "wrapper"),
        (OldWrapper(), "wrapper"),
        (Async(), "async"),
        (AsyncGenerator(), "async"),
        (UnknownArgument(), "server"),
        (UnknownHook(), "did you mean narthex_discovery_kinds?"),
        (Unmarked(), "narthex_discovery_kinds: is not marked as a hook; write @hookimpl"),
        (NoInstance, "narthex_discovery_kinds: is a method of the class NoInstance; the plugin must be an object"),
        (SimpleNamespace(), "implements no hook"),
        (None, "expected a module or an object"),
    ],
)
def test_a_plugin_that_breaks_the_contract_is_refused_as_a_whole(plugin, reason):
    host = host_of(bad=plugin, good=contributing("narthex_discovery_kinds", [discovery()]))
    (failure,) = host.failures()
    assert reason in str(failure)
    assert failure.origin.plugin == "bad"
    assert [origin.plugin for origin in host.plugins()] == ["good"]
    assert host.contributions(WebRoute) == ()
    assert len(host.contributions(DiscoveryKind)) == 1


def test_an_unknown_hook_that_is_optional_is_accepted():
    plugin = SimpleNamespace(narthex_of_tomorrow=hookimpl(nothing, optionalhook=True))
    assert [origin.plugin for origin in host_of(it=plugin).plugins()] == ["it"]


def test_an_unknown_hook_like_no_other_hints_at_a_newer_narthex():
    plugin = SimpleNamespace(tomorrow=hookimpl(nothing))
    assert "newer narthex" in host_of(it=plugin).failures()[0].what


def test_two_contributions_of_one_name_are_an_error_that_names_both_plugins():
    one, two = (contributing("narthex_discovery_kinds", [discovery()]) for _ in range(2))
    host = host_of(one=one, two=two)
    with pytest.raises(PluginConflictError, match=r"discovery kind 'rooms' .* one \(narthex .* two \(narthex "):
        host.catalog()


def test_the_same_plugin_may_not_claim_a_name_twice_either():
    host = host_of(it=contributing("narthex_discovery_kinds", [discovery(), discovery()]))
    assert len(host.conflicts()) == 1


@pytest.mark.parametrize(
    ("hook", "one", "two", "claim"),
    [
        (
            "narthex_scrape_kinds",
            ScrapeKind("a", (("Same1", "a/a"),), ("a/a",), lambda body, kind: []),
            ScrapeKind("b", (("Same1", "b/b"),), ("b/b",), lambda body, kind: []),
            "scrape protocol 'Same1'",
        ),
        (
            "narthex_scrape_kinds",
            ScrapeKind("a", (("A1", "a/a"),), ("text/plain",), lambda body, kind: []),
            ScrapeKind("b", (("B1", "b/b"),), ("text/plain",), lambda body, kind: []),
            "media type 'text/plain'",
        ),
        (
            "narthex_web_routes",
            WebRoute("GET", "/x", lambda request, server: None),
            WebRoute("GET", "/x", lambda request, server: None),
            "web route GET /x",
        ),
        (
            "narthex_promql_functions",
            PromqlFunction("squash", ("vector",), lambda values: values),
            PromqlFunction("squash", ("vector",), lambda values: -values),
            "PromQL function 'squash'",
        ),
        (
            "narthex_template_functions",
            TemplateFunction("slug", str.lower),
            TemplateFunction("slug", str.upper),
            "template function 'slug'",
        ),
    ],
)
def test_whatever_must_be_unique_conflicts(hook, one, two, claim):
    host = host_of(first=contributing(hook, [one]), second=contributing(hook, [two]))
    assert [line.partition(" is contributed")[0] for line in host.conflicts()] == [claim]


def test_an_installed_plugin_is_found_and_attributed(installed, scan):
    installed("good")
    (found,) = scan("acme-rooms").contributions(DiscoveryKind)
    assert str(found.origin) == "rooms (acme-rooms 1.2.0)"


def test_installed_plugins_are_left_alone_without_a_scan(installed):
    installed("good")
    assert PluginHost({}, scan=False).plugins() == ()


@pytest.mark.parametrize(
    ("folder", "distribution", "origin", "reason"),
    [
        ("broken_import", "acme-broken", "broken (acme-broken 0.3)", "No module named 'a_module_that_nobody_has'"),
        ("exits_on_import", "acme-exits", "exits (acme-exits 0.4)", "SystemExit: 3"),
        ("malformed", "acme-malformed", "acme-malformed (acme-malformed 0.6)", "entry points cannot be read"),
        ("unknown_hook", "acme-future", "future (acme-future 2.0)", "narthex_discovery_kind: is not a hook"),
    ],
)
def test_an_installed_plugin_that_cannot_be_loaded_is_reported_by_name(
    installed, scan, folder, distribution, origin, reason
):
    installed("good", folder)
    host = scan("acme-rooms", distribution)
    (failure,) = host.failures()
    assert str(failure.origin) == origin
    assert reason in str(failure)
    assert [one.kind.name for one in host.contributions(DiscoveryKind)] == ["rooms"]


def test_a_plugin_keeps_the_contributions_of_the_hooks_that_did_not_raise(installed, scan):
    installed("raising_hook")
    host = scan("acme-raises")
    assert [one.kind.name for one in host.contributions(DiscoveryKind)] == ["steady"]
    assert host.contributions(WebRoute) == ()
    assert str(host.failures()[0]) == (
        "plugin raises (acme-raises 0.5): narthex_web_routes: raised: SystemExit: no routes today"
    )


def test_a_conflict_between_installed_plugins_names_both_distributions(installed, scan):
    installed("good", "conflicting")
    host = scan("acme-rooms", "zeta-rooms")
    with pytest.raises(PluginConflictError) as caught:
        host.catalog()
    assert str(caught.value) == (
        "discovery kind 'rooms' is contributed by plugin rooms (acme-rooms 1.2.0) and by plugin zeta (zeta-rooms 9.0)"
    )


def test_a_conflict_with_a_shipped_kind_names_narthex(installed, scan):
    installed("good")
    host = scan("acme-rooms", shipped={"rooms": contributing("narthex_discovery_kinds", [discovery()])})
    assert f"rooms (narthex {__version__}) and by plugin rooms (acme-rooms 1.2.0)" in host.conflicts()[0]


def test_the_allow_list_keeps_other_plugins_from_being_imported(installed, scan):
    installed("good", "exits_on_import")
    host = scan("acme-rooms")
    assert [origin.plugin for origin in host.plugins()] == ["rooms"]
    assert host.failures() == ()


def test_a_name_of_the_allow_list_that_is_not_installed_is_reported(scan):
    (failure,) = scan("acme-romos").failures()
    assert str(failure) == "plugin acme-romos: is named by NARTHEX_PLUGINS but is not installed"


def test_failures_compare_without_their_traceback():
    origin = Origin("x", "y", "1")
    assert PluginFailure(origin, "w", "h", "a") == PluginFailure(origin, "w", "h", "b")
