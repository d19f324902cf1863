"""Commands that plugins bring: found, listed, and contained when they fail."""

from __future__ import annotations

from types import SimpleNamespace

import click
import pytest

from narthex import hookimpl
from narthex.errors import StorageError
from narthex.kinds import Command


def plugin(*commands):
    return SimpleNamespace(narthex_commands=hookimpl(lambda: list(commands)))


@click.group("lake")
def lake():
    pass


@lake.command("drain")
@click.pass_obj
def drain(app):
    click.echo(sorted(app.catalog().commands))
    return 3


LAKE = plugin(Command("lake", lambda: lake, summary="Tools for lakes."))


def test_a_command_runs_with_the_app_as_its_object_and_gives_its_status(narthex):
    outcome = narthex("lake", "drain", shipped={"lake": LAKE})
    assert (outcome.status, outcome.out) == (3, "['lake']\n")


def test_help_lists_it_beside_the_commands_of_the_core_without_building_it(narthex):
    def build():
        raise AssertionError("built for a list")

    outcome = narthex("--help", shipped={"lake": plugin(Command("lake", build, summary="Tools for lakes."))})
    assert "  lake     Tools for lakes.\n" in outcome.out
    assert "  check " in outcome.out


def test_a_name_that_is_nearly_right_is_suggested(narthex):
    outcome = narthex("lak", shipped={"lake": LAKE})
    assert outcome.status == 2
    assert "Did you mean lake?" in outcome.err


def test_what_the_build_raises_names_the_plugin(narthex):
    outcome = narthex("pond", shipped={"ponds": plugin(Command("pond", lambda: 1 / 0))})
    assert outcome.status == 1
    assert outcome.err.startswith("Error: command pond of plugin ponds (narthex ")
    assert "ZeroDivisionError" in outcome.err


def test_an_expected_error_of_the_build_keeps_its_text(narthex):
    def build():
        raise StorageError("the lake is dry")

    outcome = narthex("pond", shipped={"ponds": plugin(Command("pond", build))})
    assert (outcome.status, outcome.err) == (1, "Error: the lake is dry\n")


def test_what_is_no_command_is_refused(narthex):
    outcome = narthex("pond", shipped={"ponds": plugin(Command("pond", lambda: "pond"))})
    assert (outcome.status, "is a str, not a click command" in outcome.err) == (1, True)


@pytest.mark.parametrize("arguments", [["--help"], ["check", "--help"]])
def test_a_conflict_costs_the_plugins_commands_only(narthex, arguments):
    outcome = narthex(*arguments, shipped={"one": LAKE, "two": plugin(Command("lake", lambda: lake))})
    assert outcome.status == 0
    assert ("command 'lake' is contributed by plugin one" in outcome.err) == (arguments == ["--help"])
