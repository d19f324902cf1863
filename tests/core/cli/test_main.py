from __future__ import annotations

import subprocess
import sys

import click
import pytest

from narthex import __version__
from narthex.cli import main as main_module
from narthex.cli.main import main, root
from narthex.errors import NarthexError, UsageError
from narthex.plugins.reserved import COMMANDS


@pytest.fixture
def command_that(monkeypatch):
    """Puts a command ``boom`` in the group that raises or returns what it is given."""

    def install(outcome):
        def callback():
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        monkeypatch.setitem(root.commands, "boom", click.Command("boom", callback=callback))

    return install


def test_help_lists_every_command(narthex):
    outcome = narthex("--help")
    assert outcome.status == 0
    for name in ("run", "check", "plugins", "query", "test"):
        assert f"\n  {name} " in outcome.out


def test_version(narthex):
    assert narthex("--version").out == f"narthex {__version__}\n"


def test_no_command_at_all_is_wrong_usage(narthex):
    assert narthex().status == 2


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["rum"], "Did you mean run?"),
        (["query", "instnat"], "Did you mean instant?"),
        (["chekc", "config"], "Did you mean check?"),
        (["zzz"], "Commands: check, "),
        (["run", "--storage.tsdb.pth=x"], "--storage.tsdb.path"),
        (["run", "--web.enable-lifecyle"], "--web.enable-lifecycle"),
    ],
)
def test_what_is_nearly_right_gets_a_suggestion(narthex, arguments, hint):
    outcome = narthex(*arguments)
    assert outcome.status == 2
    assert hint in outcome.err


@pytest.mark.parametrize(("outcome", "status"), [(None, 0), (0, 0), (1, 1), (2, 2)])
def test_a_commands_result_is_the_exit_status(narthex, command_that, outcome, status):
    command_that(outcome)
    assert narthex("boom").status == status


def test_an_expected_error_prints_one_line(narthex, command_that):
    command_that(NarthexError("the fire is out"))
    outcome = narthex("boom")
    assert (outcome.status, outcome.err, outcome.out) == (1, "Error: the fire is out\n", "")


def test_wrong_usage_found_later_has_status_2_too(narthex, command_that):
    command_that(UsageError("not like this"))
    assert narthex("boom").status == 2


def test_a_defect_keeps_its_traceback(narthex, command_that):
    command_that(ZeroDivisionError("oops"))
    with pytest.raises(ZeroDivisionError):
        narthex("boom")


def test_an_interrupt_ends_with_the_status_of_a_signal(narthex, command_that):
    command_that(KeyboardInterrupt())
    assert narthex("boom").status == 130


@pytest.mark.parametrize("name", main_module._COMMANDS)
def test_the_help_line_of_a_lazy_command_is_its_own(name):
    lazy = main_module._COMMANDS[name]
    assert lazy.summary == lazy.load().get_short_help_str(limit=200)


@pytest.mark.parametrize("arguments", [["--version"], ["check", "--help"], ["query", "instant", "--help"]])
def test_a_command_of_the_core_does_not_load_what_ships(arguments):
    def shipped():
        raise AssertionError("plugins were loaded")

    assert main(shipped, arguments) == 0


def test_no_plugin_may_take_the_name_of_a_command_of_the_core():
    assert set(main_module._COMMANDS) <= COMMANDS


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--help"],
        ["check", "config", "--help"],
        ["plugins", "--help"],
        ["query", "instant", "--help"],
        ["test", "promql", "--help"],
    ],
)
def test_help_imports_nothing_heavy(arguments):
    code = (
        "import sys\n"
        "from narthex_plugins.standard import main\n"
        f"assert main({arguments!r}) == 0\n"
        "heavy = {'numpy', 'aiohttp', 'rich', 'prometheus_client', 'yaml', 're2'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_list_of_commands_waits_for_plugins_but_not_for_arrays():
    code = (
        "import sys\n"
        "from narthex_plugins.standard import main\n"
        "assert main(['--help']) == 0\n"
        "heavy = {'numpy', 'aiohttp', 'rich', 'prometheus_client', 'pyarrow'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_reader_that_leaves_early_is_no_failure_with_a_traceback():
    code = "import sys\nfrom narthex.cli.main import main\nsys.stdin.read()\nsys.exit(main(dict, ['run', '--help']))\n"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()  # nobody reads any more
    process.stdin.close()
    errors = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait() == 1
    assert errors == ""
