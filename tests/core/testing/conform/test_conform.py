"""Whatever a distribution does, there is a report that names the rule, the kind and the place."""

from __future__ import annotations

import pytest
from tests.core.testing.conform.conftest import RIG, SOUND, broken, states

from narthex.errors import UsageError
from narthex.testing.conform.parent import examine


def test_a_sound_distribution_keeps_every_rule_that_can_be_tried(shelf):
    shelf.put(rig=RIG)
    report = shelf.examine()
    assert broken(report) == {}
    assert report.conforms
    found = states(report, "rooms")
    assert found["discovery/first-set"] == "kept"
    assert found["discovery/update"] == "unchecked"
    assert found["guard/network"] == found["guard/threads"] == "kept"
    assert report.lines
    text = "\n".join(report.lines())
    assert text.startswith("acme-rooms 1.2, against narthex ")
    assert "discovery rooms: " in text
    assert "discovery/update: the rig has no update()" in text


def test_without_a_rig_only_the_description_is_tried(shelf):
    shelf.put()
    report = shelf.examine()
    assert report.conforms
    found = states(report, "rooms")
    assert found["kind/summary"] == found["kind/idle-build"] == "kept"
    assert found["discovery/first-set"] == "unchecked"


def test_the_document_has_every_verdict(shelf):
    shelf.put(rig=RIG)
    document = shelf.examine().as_json()
    assert (document["distribution"], document["version"], document["conforms"]) == ("acme-rooms", "1.2", True)
    distribution, rooms = document["kinds"]
    assert (distribution["stage"], rooms["stage"], rooms["name"], rooms["plugin"]) == (
        "",
        "discovery",
        "rooms",
        "rooms",
    )
    rules = {one["rule"]: one for one in rooms["rules"]}
    assert rules["discovery/update"]["what"] == "the rig has no update()"
    assert document["score"]["kept"] == sum(
        one["state"] == "kept" for kind in document["kinds"] for one in kind["rules"]
    )


# --- the rules of a distribution -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "rule", "what"),
    [
        ({"source": "raise ValueError('bad day')"}, "plugin/loads", "ValueError: bad day"),
        ({"source": "import sys; sys.exit(3)"}, "plugin/loads", "SystemExit: 3"),
        ({"entry": False}, "plugin/contributes", "has no entry point of the group 'narthex'"),
        ({"requires": ""}, "plugin/requires", "does not require narthex"),
        ({"requires": "narthex>=0.1"}, "plugin/requires", "without an upper bound"),
        ({"rig": "x = 1"}, "plugin/rigs", "acme_rooms_rigs defines no rig"),
        ({"rig": RIG.replace('"rooms"', '"halls"')}, "plugin/rigs", "RoomsRig is for discovery kind 'halls'"),
        ({"rig": "import nothing_like_it"}, "plugin/rigs", "ModuleNotFoundError"),
    ],
)
def test_a_distribution_that_breaks_a_rule_is_caught(shelf, how, rule, what):
    shelf.put(**how)
    report = shelf.examine()
    assert what in broken(report)[rule]
    assert not report.conforms


def test_a_name_that_is_taken_by_what_ships_is_told(shelf):
    shelf.put(SOUND.replace('"rooms"', '"file"'))
    report = shelf.examine(shipped="narthex_plugins.standard:shipped")
    assert "file" in broken(report)["plugin/names"]


@pytest.mark.parametrize(
    "requires", ["narthex<1,>=0.1", "narthex[dns]~=0.1", "Narthex (>=0.1,<1) ; python_version > '3'"]
)
def test_bounds_are_read_in_every_spelling(shelf, requires):
    shelf.put(requires=requires)
    assert broken(shelf.examine()) == {}


# --- the rules of kinds, and the guards ------------------------------------------------------------------------------


def test_a_broken_rule_of_a_kind_is_named(shelf):
    shelf.put(SOUND.replace('"__address__": f', '"team": "x", "__address__": f'), RIG)
    assert broken(shelf.examine()) == {
        "discovery/labels": "published a label 'team': what is discovered goes under __meta_rooms_…"
    }


def test_what_the_guards_find_counts_for_the_kind(shelf):
    source = SOUND.replace(
        "publish([", "import socket; socket.socket().connect_ex(('192.0.2.1', 80)); publish(["
    ).replace("async def run", "async def run")
    shelf.put(source, RIG)
    found = broken(shelf.examine())
    assert "a connection to 192.0.2.1 refused, at " in found["guard/network"]
    assert "(during discovery/first-set)" in found["guard/network"]


def test_a_guard_that_the_rig_switches_off_is_told(shelf):
    shelf.put(rig=RIG + '        unguarded = ("sockets",)\n')
    report = shelf.examine()
    assert report.conforms
    assert states(report, "rooms")["guard/sockets"] == "unchecked"
    assert states(report, "rooms")["guard/threads"] == "kept"


@pytest.mark.parametrize(
    ("address", "conforms"), [("224.0.0.251", True), ("192.0.2.1", False), ("cmdb.example", False)]
)
def test_a_rig_may_reach_groups_of_multicast_only(shelf, address, conforms):
    shelf.put(rig=RIG + f'        reaches = ("{address}",)\n')
    assert shelf.examine().conforms is conforms


# --- plugins that do not end -----------------------------------------------------------------------------------------

ONCE = """
            from pathlib import Path
            flag = Path(__file__).with_suffix(".flag")
            if not flag.exists():
                flag.touch()
                {misdeed}
            publish(["""


def once(misdeed):
    """A plugin that does it in the first run of all, so in the first rule."""
    return SOUND.replace("publish([", ONCE.replace("{misdeed}", misdeed))


HANGING = once("for _ in iter(int, 1): pass")
DYING = once("import os; os._exit(7)")
CRASHING = once("import ctypes; ctypes.string_at(0)")


@pytest.mark.parametrize(
    ("source", "what", "place"),
    [
        (HANGING, "was not done after 5 s, at ", "acme_rooms.py:"),
        (DYING, "ended the process with status 7", ""),
        (CRASHING, "died of signal 11", " string_at"),
    ],
)
def test_a_rule_that_hangs_or_kills_is_blamed_and_the_others_are_tried(shelf, source, what, place):
    shelf.put(source, RIG)
    report = shelf.examine(seconds=5.0)
    found = broken(report)
    assert found.keys() == {"discovery/first-set"}
    assert found["discovery/first-set"].startswith(what)
    assert place in found["discovery/first-set"]
    assert states(report, "rooms")["discovery/twins"] == "kept"


def test_a_plugin_that_dies_while_it_is_loaded_is_reported(shelf):
    shelf.put("import os; os._exit(4)")
    report = shelf.examine()
    assert broken(report) == {"plugin/loads": "loading it ended the process with status 4"}


def test_what_a_plugin_prints_does_not_spoil_the_report(shelf):
    shelf.put('print("hello")\n' + SOUND.replace("\n    ", "\n"), RIG)
    assert shelf.examine().conforms


def test_a_distribution_that_is_not_installed_is_wrong_usage():
    with pytest.raises(UsageError, match="no distribution 'acme-nobody' is installed"):
        examine("acme-nobody")


def test_progress_is_told(shelf):
    shelf.put()
    told = []
    shelf.examine(progress=lambda done, total: told.append((done, total)))
    assert told[-1][0] == told[-1][1] == len(told)
