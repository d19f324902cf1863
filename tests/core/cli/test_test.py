from __future__ import annotations

from types import SimpleNamespace

from narthex import hookimpl
from narthex.cli.main import main
from narthex.kinds import PromqlFunction

GOOD = 'load 1m\n  up{job="a"} 1 2 3\n\neval instant at 2m sum(up)\n  {} 3\n'
BAD = "eval instant at 0 1 + 1\n  3\n"


def test_passing_scripts_end_with_the_counts(narthex, tmp_path):
    script = tmp_path / "good.test"
    script.write_text(GOOD)
    outcome = narthex("test", "promql", script, script)
    assert (outcome.status, outcome.out) == (0, "2 passed, 0 failed\n")


def test_a_failure_is_shown_with_its_place(narthex, tmp_path):
    good, bad = tmp_path / "good.test", tmp_path / "bad.test"
    good.write_text(GOOD)
    bad.write_text(BAD)
    outcome = narthex("test", "promql", good, bad)
    assert outcome.status == 1
    assert outcome.out == f"{bad}:1: 1 + 1: expected scalar 3 but got 2\n1 passed, 1 failed\n"


def test_a_script_that_cannot_be_read_is_one_failure(narthex, tmp_path):
    script = tmp_path / "broken.test"
    script.write_text("load 1m\n  up{ 1\n")
    outcome = narthex("test", "promql", script)
    assert outcome.status == 1
    assert outcome.out.startswith(f"{script}:2: ")
    assert outcome.out.endswith("\n0 passed, 1 failed\n")


def test_functions_of_plugins_are_known(tmp_path, capsys):
    double = PromqlFunction("double", ("vector",), lambda values: values * 2)
    plugin = SimpleNamespace(narthex_promql_functions=hookimpl(lambda: [double]))
    script = tmp_path / "double.test"
    script.write_text("load 1m\n  m 1 2 3\n\neval instant at 2m double(m)\n  {} 6\n")
    assert main(lambda: {"maths": plugin}, ["test", "promql", str(script)], scan=False) == 0
    assert main(dict, ["test", "promql", str(script)], scan=False) == 1
    assert 'unknown function with name "double"' in capsys.readouterr().out
