from __future__ import annotations

import pytest

from narthex.errors import UsageError
from narthex.scaffold.names import plugin_names


@pytest.mark.parametrize("typed", ["rack-units", "narthex-rack-units"])
def test_every_name_follows_from_the_one_that_is_typed(typed):
    names = plugin_names(typed)
    assert names.distribution == "narthex-rack-units"
    assert names.package == "narthex_rack_units"
    assert names.kind == "rack_units"
    assert names.prefix == "RackUnits"


@pytest.mark.parametrize(
    ("typed", "suggestion"),
    [
        ("RackUnits", "rack-units"),
        ("rack_units", "rack-units"),
        ("Rack  Units!", "rack-units"),
        ("rack--units", "rack-units"),
        ("-rack-", "rack"),
        ("narthex-Rack", "rack"),
        ("2nd-rack", "nd-rack"),
        ("räck", "r-ck"),
    ],
)
def test_a_bad_name_is_refused_with_a_good_one(typed, suggestion):
    with pytest.raises(UsageError, match=f"; try '{suggestion}'$"):
        plugin_names(typed)
    assert plugin_names(suggestion).plugin == suggestion


@pytest.mark.parametrize("typed", ["", "7", "!!", "narthex-", "SD"])
def test_where_nothing_is_near_nothing_is_suggested(typed):
    with pytest.raises(UsageError, match=r"is no name for a plugin: [^;]*$"):
        plugin_names(typed)


@pytest.mark.parametrize("typed", ["plugins", "narthex-sd", "narthex", "standard"])
def test_a_name_of_narthex_itself_is_refused(typed):
    with pytest.raises(UsageError, match="would be taken for a part of Narthex"):
        plugin_names(typed)


def test_a_name_has_at_most_twenty_characters():
    assert plugin_names("a" * 20).kind == "a" * 20
    with pytest.raises(UsageError, match="is too long: 21 characters, expected 20 at most"):
        plugin_names("a" * 21)
