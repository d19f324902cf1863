from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import resource
import signal
import sys
from functools import partial
from pathlib import Path

import pytest
from tests.waiting import PATIENCE, until

from narthex.config.types import Duration, Secret, Size
from narthex.errors import DiscoveryError
from narthex.testing.clock import settle
from narthex.testing.discovery import Recorder, build_context
from narthex_sd.exec import ExecConfig
from narthex_sd.exec.discovery import PolledProgram, StreamingProgram

FAILURES = "narthex_sd_exec_failures_total"
STARTS = "narthex_sd_exec_starts_total"


def listing(*addresses):
    return json.dumps([{"targets": [one], "labels": {"k": "v"}} for one in addresses])


def python(code, *arguments):
    return (sys.executable, "-S", "-c", code, *map(str, arguments))


def shell(code, *arguments):
    return ("/bin/sh", "-c", code, "sh", *map(str, arguments))


def alive(pid):
    """Whether a process runs; one that is dead and waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] not in {"Z", "X"}
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def runs(polled):
    """A program in mode ``refresh``, turn by turn."""
    return lambda command, **how: polled(partial(PolledProgram, ExecConfig(command, **how)), "exec/0")


# --- run again and again ---------------------------------------------------------------------------------------------


async def test_what_a_program_prints_becomes_targets(runs):
    one = runs(python('print(\'\'\'[{"targets": ["h:1"],\n "labels": {"__scheme__": "https"}}]\'\'\')'))
    assert await one.turn() is None
    (group,) = one.seen.groups.values()
    assert group.source == f"{sys.executable}:0"
    assert group.targets == ({"__address__": "h:1"},)
    assert group.labels == {"__scheme__": "https", "__meta_exec_command": sys.executable}


async def test_arguments_reach_the_program_as_they_are_and_no_label(runs):
    secret = 'it\'s $HOME; `id` \\ "quoted"'
    one = runs(python("import json, sys; print(json.dumps([{'targets': sys.argv[1:]}]))", secret, ""))
    assert await one.turn() is None
    assert one.addresses == ["", secret]
    assert secret not in repr([group.labels for group in one.seen.groups.values()])


async def test_each_turn_runs_it_anew(runs, tmp_path):
    code = 'n=$(cat "$1" 2>/dev/null || echo 0); echo $((n + 1)) > "$1"; echo "[{\\"targets\\": [\\"h:$n\\"]}]"'
    one = runs(shell(code, tmp_path / "count"))
    for number in range(3):
        assert await one.turn() is None
        assert one.addresses == [f"h:{number}"]
    assert one.count(STARTS) == 3


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("echo '[]'; exit 3", "ended with status 3"),
        ("echo 'no route to host' >&2; exit 1", "ended with status 1; it said last: no route to host"),
        ("echo '[]'; kill -SEGV $$", "was ended by SIGSEGV"),
        ("echo '[{}'", "JSON syntax error"),
        ("true", "JSON syntax error"),
        ("echo '[null]'", "null list element"),
    ],
)
async def test_a_failure_is_counted_and_keeps_the_targets(runs, tmp_path, code, complaint):
    switch = tmp_path / "broken"
    one = runs(shell(f"if [ -e \"$1\" ]; then {code}; else echo '{listing('h:1')}'; fi", switch))
    assert await one.turn() is None
    switch.touch()
    assert complaint in str(await one.turn())
    assert one.addresses == ["h:1"]
    assert one.count(FAILURES) == 1
    assert one.count("prometheus_sd_refresh_failures_total", mechanism="exec", config="test") == 1
    switch.unlink()
    assert await one.turn() is None


async def test_a_bad_entry_can_be_left_out(polled):
    config = ExecConfig(("echo", '[{"targets": ["h:1"]}, null]'))
    one = polled(lambda context: PolledProgram(config, dataclasses.replace(context, skip_bad_entries=True)), "exec/0")
    assert await one.turn() is None
    assert one.addresses == ["h:1"]


async def test_a_program_that_is_not_there_is_named(runs):
    assert "/no/such/program cannot be started: [Errno 2]" in str(await runs(("/no/such/program",)).turn())


async def test_a_directory_that_is_not_there_is_named(runs):
    assert "/no/such/directory" in str(await runs(("true",), working_directory="/no/such/directory").turn())


async def test_it_runs_in_its_directory_with_the_given_environment_only(runs, tmp_path, monkeypatch):
    monkeypatch.setenv("NARTHEX_TEST_SECRET", "leaked")
    monkeypatch.setenv("LANG", "C")
    code = "import json, os; print(json.dumps([{'targets': [os.getcwd()], 'labels': dict(os.environ)}]))"
    how = {"environment": {"TOKEN": Secret("t")}, "inherit_environment": ("PATH", "LANG", "NOT_SET")}
    one = runs(python(code), working_directory=str(tmp_path), **how)
    assert await one.turn() is None
    (group,) = one.seen.groups.values()
    assert one.addresses == [str(tmp_path)]
    seen = {name: value for name, value in group.labels.items() if name not in {"__meta_exec_command", "LC_CTYPE"}}
    assert seen == {"PATH": os.environ["PATH"], "LANG": "C", "TOKEN": "t"}


async def test_a_program_that_hangs_is_ended_with_all_it_started(runs, tmp_path):
    pids = tmp_path / "pids"
    one = runs(shell('echo $$ > "$1.new"; sleep 1000 & echo $! >> "$1.new"; mv "$1.new" "$1"; wait', pids))
    turn = asyncio.create_task(one.turn())
    await until(pids.exists)
    await one.clock.advance(30)
    assert "did not end within 30s" in str(await turn)
    await until(lambda: not any(map(alive, pids.read_text().split())))


async def test_what_a_program_leaves_behind_is_ended_and_not_waited_for(runs, tmp_path):
    one = runs(shell('sleep 1000 & echo $! > "$1"; echo "[]"', tmp_path / "pid"))
    assert await one.turn() is None
    await until(lambda: not alive((tmp_path / "pid").read_text().strip()))


async def test_what_left_the_group_is_not_waited_for(runs, tmp_path):
    pid = tmp_path / "pid"
    code = 'setsid sh -c \'echo $$ > "$0.new"; mv "$0.new" "$0"; exec sleep 1000\' "$1" & '
    code += 'while ! [ -e "$1" ]; do sleep 0.01; done; echo "[]"'
    one = runs(shell(code, pid))
    try:
        assert await one.turn() is None
        assert alive(pid.read_text().strip())
    finally:
        os.kill(int(pid.read_text()), signal.SIGKILL)


async def test_a_program_that_ignores_the_request_to_end_is_ended(tmp_path):
    pid = tmp_path / "pid"
    code = 'trap "" TERM; echo $$ > "$1.new"; mv "$1.new" "$1"; while :; do sleep 1; done'
    config = ExecConfig(shell(code, pid))
    task = asyncio.create_task(PolledProgram(config, build_context()).run(Recorder()))
    await until(pid.exists)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert not alive(pid.read_text().strip())


async def test_a_program_that_floods_is_ended_at_the_limit(runs):
    one = runs(("yes",), output_limit=Size(1 << 20))
    assert "printed a list of 1MB or more" in str(await one.turn())


async def test_a_program_that_takes_too_much_memory_fails(runs):
    one = runs(python("x = bytearray(1 << 30); print('[]')"), memory_limit=Size(512 << 20))
    assert "it said last: MemoryError" in str(await one.turn())


async def test_a_program_that_takes_too_much_processor_time_is_ended(runs):
    one = runs(python("while True: pass"), cpu_limit=Duration(1000))
    assert "was ended by SIG" in str(await one.turn())


async def test_limits_are_in_force_from_the_start_and_for_children(runs):
    code = "ulimit -v; ulimit -t; sh -c 'ulimit -v'"
    one = runs(
        shell(f'set -- $({code}); echo "[{{\\"targets\\": [\\"$1\\", \\"$2\\", \\"$3\\"]}}]"'),
        memory_limit=Size(256 << 20),
        cpu_limit=Duration(1500),
    )
    assert await one.turn() is None
    assert one.addresses == ["2", "262144", "262144"]


async def test_our_own_limits_stay_as_they_are(runs):
    before = resource.getrlimit(resource.RLIMIT_AS), resource.getrlimit(resource.RLIMIT_CPU)
    await runs(("echo", "[]"), memory_limit=Size(256 << 20), cpu_limit=Duration(1000)).turn()
    assert (resource.getrlimit(resource.RLIMIT_AS), resource.getrlimit(resource.RLIMIT_CPU)) == before


# --- kept running ----------------------------------------------------------------------------------------------------


async def fails(command, taken=None, **how):
    """Run a stream until it fails; what it published, and the error. ``taken`` appears when it has published."""
    seen = Recorder()

    def publish(groups):
        seen(groups)
        if taken is not None:
            taken.touch()

    with pytest.raises(DiscoveryError) as error:
        async with asyncio.timeout(PATIENCE):
            await StreamingProgram(ExecConfig(command, mode="stream", **how), build_context("exec/0")).run(publish)
    return seen, str(error.value)


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("exit 0", "ended with status 0"),
        ("echo 'lost the server' >&2; exit 2", "ended with status 2; it said last: lost the server"),
        ("echo '[{}'; sleep 1000", "JSON syntax error"),
        ("echo hello; sleep 1000", "JSON syntax error"),
    ],
)
async def test_the_end_and_a_bad_line_are_failures_after_which_the_targets_stay(tmp_path, code, complaint):
    taken = tmp_path / "taken"
    wait = 'while ! [ -e "$1" ]; do sleep 0.01; done'
    seen, error = await fails(shell(f"echo '{listing('h:1', 'h:2')}'; {wait}; {code}", taken), taken)
    assert complaint in error
    assert len(seen.groups) == 2


async def test_a_list_printed_just_before_the_end_counts():
    seen, _ = await fails(shell(f"echo '{listing('h:1')}'"))
    assert len(seen.groups) == 1


async def test_a_program_that_prints_faster_than_is_read_is_read_in_its_newest_line():
    code = 'for n in range(20000): print(\'[{"targets": ["h:%d"]}]\' % n)'
    seen, _ = await fails(python(code))
    (group,) = seen.groups.values()
    assert group.targets == ({"__address__": "h:19999"},)
    assert len(seen.published) < 20000


async def test_a_line_without_end_is_ended_at_the_limit():
    _, error = await fails(python("while True: print('x' * 1000, end='')"), output_limit=Size(1 << 20))
    assert "printed a list of 1MB or more" in error


async def test_a_first_line_that_does_not_come_is_a_failure_and_silence_later_is_not(polled, tmp_path):
    silent = polled(partial(StreamingProgram, ExecConfig(("sleep", "1000"), mode="stream")), "exec/0")
    turn = asyncio.create_task(silent.turn())
    await until(lambda: silent.clock.sleepers)
    await silent.clock.advance(30)
    assert "printed no line within 30s" in str(await turn)

    code = f"echo '{listing('h:1')}'; while ! [ -e \"$1\" ]; do sleep 0.01; done; echo '[]'; sleep 1000"
    talking = polled(partial(StreamingProgram, ExecConfig(shell(code, tmp_path / "go"), mode="stream")), "exec/1")
    assert await talking.turn() is None
    await talking.clock.advance(3600)
    await settle()
    (tmp_path / "go").touch()
    await talking.seen.until(lambda seen: not seen.groups)


async def test_cancelling_a_stream_ends_the_whole_group(tmp_path):
    pid = tmp_path / "pid"
    code = f"sleep 1000 & echo $! > \"$1\"; echo '{listing('h:1')}'; wait"
    seen = Recorder()
    config = ExecConfig(shell(code, pid), mode="stream")
    task = asyncio.create_task(StreamingProgram(config, build_context()).run(seen))
    await seen.until(lambda seen: seen.groups)
    task.cancel()
    await asyncio.wait({task})
    await until(lambda: not alive(pid.read_text().strip()))
