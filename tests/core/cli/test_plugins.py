from __future__ import annotations

import json
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from narthex import __version__, hookimpl
from narthex.kinds import DiscoveryKind, WebRoute
from narthex.testing.conform.report import KindReport, Report
from narthex.testing.rule import Verdict


@dataclass(frozen=True)
class Config:
    pass


def plugin(*kinds, routes=()):
    return SimpleNamespace(
        narthex_discovery_kinds=hookimpl(lambda: list(kinds)), narthex_web_routes=hookimpl(lambda: list(routes))
    )


def kind(name, **changes):
    return DiscoveryKind(name, Config, lambda config, context: None, **changes)


def fail():
    raise ValueError("bad day")


ROOMS = plugin(kind("rooms", stability="stable", summary="The rooms of the house"))
NEEDY = plugin(kind("cloud", requires=("not_there",), extra="cloud"), routes=[WebRoute("GET", "/x", print)])
BROKEN = SimpleNamespace(narthex_web_routes=hookimpl(fail))


def test_the_table_names_plugin_distribution_version_kind_and_stability(narthex):
    outcome = narthex("plugins", shipped={"rooms": ROOMS})
    header, row = outcome.out.splitlines()
    assert header.split() == ["PLUGIN", "DISTRIBUTION", "STAGE", "NAME", "STABILITY", "NOTE"]
    assert row.split(maxsplit=6) == [
        "rooms",
        "narthex",
        __version__,
        "discovery",
        "rooms",
        "stable",
        "The rooms of the house",
    ]
    assert (outcome.status, outcome.err) == (0, "")


def test_a_missing_package_is_told_with_its_install_command_and_is_no_error(narthex):
    outcome = narthex("plugins", shipped={"needy": NEEDY})
    assert "needs not_there (pip install 'narthex[cloud]')" in outcome.out
    assert "GET /x" in outcome.out
    assert outcome.status == 0


def test_a_plugin_that_failed_is_told_and_the_others_are_listed(narthex):
    outcome = narthex("plugins", shipped={"broken": BROKEN, "rooms": ROOMS})
    assert "discovery" in outcome.out
    assert (
        f"Error: plugin broken (narthex {__version__}): narthex_web_routes: raised: ValueError: bad day" in outcome.err
    )
    assert outcome.status == 1


def test_a_conflict_is_told_and_both_are_listed(narthex):
    outcome = narthex("plugins", shipped={"one": ROOMS, "two": plugin(kind("rooms"))})
    assert outcome.status == 1
    assert outcome.out.count("discovery  rooms") == 2
    assert "is contributed by plugin one" in outcome.err


def test_json_holds_everything(narthex):
    outcome = narthex("plugins", "--json", shipped={"rooms": ROOMS, "needy": NEEDY, "broken": BROKEN})
    document = json.loads(outcome.out)
    assert [one["plugin"] for one in document["plugins"]] == ["rooms", "needy", "broken"]
    assert document["contributions"][0] == {
        "plugin": "rooms", "distribution": "narthex", "version": __version__, "stage": "discovery", "name": "rooms",
        "stability": "stable", "missing": "", "summary": "The rooms of the house",
    }  # fmt: skip
    assert document["contributions"][1]["missing"].startswith("needs not_there")
    assert document["failures"][0]["hook"] == "narthex_web_routes"
    assert document["conflicts"] == []


def test_the_environment_decides_which_foreign_plugins_are_loaded(narthex, monkeypatch):
    monkeypatch.setenv("NARTHEX_PLUGINS", "acme-nobody")
    outcome = narthex("plugins", shipped={"rooms": ROOMS})
    assert "plugin acme-nobody: is named by NARTHEX_PLUGINS but is not installed" in outcome.err


def test_list_is_the_command_without_a_name(narthex):
    assert narthex("plugins", "list", shipped={"rooms": ROOMS}) == narthex("plugins", shipped={"rooms": ROOMS})


# --- conform ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def examined(monkeypatch):
    """Replaces the examination, which has tests of its own; returns what it was asked."""
    asked = []

    def give(*verdicts):
        def examine(distribution, shipped, *, seconds, progress):
            asked.append((distribution, shipped, seconds))
            return Report(distribution, "1.2", [KindReport("relabel", "odd", "acme", list(verdicts))])

        monkeypatch.setattr("narthex.testing.conform.parent.examine", examine)
        return asked

    return give


GOOD, BAD = Verdict("relabel/total", "kept"), Verdict("relabel/agreement", "broken", "check raised")


def test_conform_prints_what_is_broken_and_the_score(narthex, examined):
    asked = examined(GOOD, BAD)
    outcome = narthex("plugins", "conform", "acme", "--timeout", "5s")
    assert outcome.status == 1
    assert "relabel odd: 1 of 2 rules kept\n  BROKEN  relabel/agreement: check raised\n" in outcome.out
    assert "relabel/total" not in outcome.out
    assert asked == [("acme", "", 5.0)]


def test_conform_is_content_when_no_rule_is_broken(narthex, examined):
    examined(GOOD)
    outcome = narthex("plugins", "conform", "acme", "--all")
    assert outcome.status == 0
    assert "  ok      relabel/total\n" in outcome.out


def test_conform_prints_json(narthex, examined):
    examined(GOOD, BAD)
    document = json.loads(narthex("plugins", "conform", "acme", "--json").out)
    assert document["score"] == {"kept": 1, "broken": 1, "unchecked": 0}
    assert document["conforms"] is False


def test_a_distribution_that_is_not_there_is_wrong_usage(narthex):
    outcome = narthex("plugins", "conform", "acme-nobody")
    assert (outcome.status, outcome.err) == (2, "Error: no distribution 'acme-nobody' is installed\n")
