from __future__ import annotations

import pytest

from narthex.plugins.failure import describe
from narthex.plugins.sources import allow_list, foreign, shipped, unmatched


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (None, None),
        ("", set()),
        (" , ", set()),
        ("acme-rooms", {"acme-rooms"}),
        ("Acme_Rooms, zeta.rooms ,", {"acme-rooms", "zeta-rooms"}),
    ],
)
def test_the_allow_list_is_read_as_packaging_compares_names(text, names):
    assert allow_list(text) == names


@pytest.mark.parametrize("name", ["acme-rooms", "rooms"])
def test_a_plugin_is_admitted_by_distribution_or_by_entry_point(installed, name):
    installed("good", "conflicting")
    assert [one.origin.plugin for one in foreign({name})] == ["rooms"]


def test_without_an_allow_list_every_plugin_is_admitted(installed):
    installed("good", "conflicting")
    assert {"rooms", "zeta"} <= {one.origin.plugin for one in foreign(None)}


def test_an_empty_allow_list_admits_none(installed):
    installed("good")
    assert foreign(frozenset()) == []


def test_finding_plugins_imports_nothing(installed):
    installed("exits_on_import")
    (found,) = foreign({"acme-exits"})
    with pytest.raises(SystemExit):
        found.load()


def test_shipped_plugins_keep_their_order():
    assert [one.origin.plugin for one in shipped({"b": 1, "a": 2})] == ["b", "a"]
    assert [one.load() for one in shipped({"b": 1, "a": 2})] == [1, 2]


def test_names_that_nobody_answers_to_are_told(installed):
    installed("good")
    allow = frozenset({"acme-rooms", "nobody"})
    assert unmatched(allow, foreign(allow)) == ["nobody"]
    assert unmatched(None, []) == []


def test_an_exception_is_described_in_one_line():
    assert describe(ValueError("a\n  b")) == "ValueError: a b"
    assert describe(SystemExit()) == "SystemExit"


def test_a_malformed_distribution_does_not_hide_the_others(installed):
    installed("good", "malformed", "conflicting")
    found = {one.origin.distribution: one.origin.plugin for one in foreign(None)}
    assert found["acme-rooms"] == "rooms"
    assert found["zeta-rooms"] == "zeta"
    assert found["acme-malformed"] == "acme-malformed"
