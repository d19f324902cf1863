"""The pytest plugin, in runs of pytest of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.narthex_unguarded  # what guards find is made here on purpose

INI = "[pytest]\nasyncio_mode = auto\n"


@pytest.fixture
def run(tmp_path):
    """``run(tests, ini)`` runs a test file with the plugin; its output and exit status."""

    def go(tests, ini="", *more):
        (tmp_path / "pytest.ini").write_text(INI + ini)
        (tmp_path / "test_it.py").write_text(textwrap.dedent(tests))
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "narthex.testing.plugin",
            "-p",
            "no:cacheprovider",
            *more,
        ]
        environment = {**os.environ, "PYTEST_ADDOPTS": "", "COLUMNS": "400"}  # or the summary cuts the messages
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    return go


def test_each_guard_fails_the_test_that_it_finds_something_in(run):
    status, out = run(
        """
        import asyncio, socket, threading, time, pytest

        def test_network():
            with socket.socket() as one:
                pytest.raises(OSError, one.connect, ("192.0.2.1", 80))

        async def test_blocking():
            end = time.thread_time() + 0.3
            while time.thread_time() < end:
                pass

        async def test_tasks():
            asyncio.create_task(asyncio.Event().wait(), name="stray")
            await asyncio.sleep(0)

        def test_threads():
            threading.Thread(target=time.sleep, args=(60,), name="stray thread", daemon=True).start()

        kept = []

        def test_sockets():
            kept.append(socket.create_server(("127.0.0.1", 0)))

        def test_nothing():
            pass
        """,
        "narthex_block_limit = 0.2\n",
    )
    assert status == 1, out
    assert "FAILED test_it.py::test_network - Failed: guard/network: a connection to 192.0.2.1 refused" in out
    assert "FAILED test_it.py::test_blocking - Failed: guard/blocking: task" in out
    assert "ERROR test_it.py::test_tasks - Failed: guard/tasks: task 'stray'" in out
    assert "ERROR test_it.py::test_threads - Failed: guard/threads: thread 'stray thread' was left running" in out
    assert "ERROR test_it.py::test_sockets - Failed: guard/sockets: a SOCK_STREAM" in out
    assert "4 passed, 3 errors" in out.replace("2 failed, ", "")


def test_guards_are_switched_off_by_option_and_by_marker(run):
    tests = """
        import socket, pytest
        kept = []

        def leak():
            kept.append(socket.create_server(("127.0.0.1", 0)))

        @pytest.mark.narthex_unguarded("sockets")
        def test_one(): leak()

        @pytest.mark.narthex_unguarded
        def test_all(): leak()

        def test_none(): leak()
        """
    assert "3 passed, 1 error" in run(tests)[1]
    assert "3 passed in" in run(tests, "narthex_guards = network tasks\n")[1]


def test_more_may_be_allowed_by_option_and_by_marker(run):
    tests = """
        import socket, pytest

        @pytest.mark.narthex_network("build.invalid")
        def test_marked():
            with pytest.raises(socket.gaierror):
                socket.getaddrinfo("build.invalid", 80, flags=socket.AI_NUMERICHOST)  # which asks nobody

        def test_bare():
            with pytest.raises(socket.gaierror):
                socket.getaddrinfo("build.invalid", 80, flags=socket.AI_NUMERICHOST)  # which asks nobody
        """
    assert "1 failed, 1 passed" in run(tests)[1]
    assert run(tests, "narthex_network_allow = build.invalid\n")[0] == 0


def test_a_guard_that_there_is_not_is_a_usage_error(run):
    status, out = run("def test_it(): pass", "narthex_guards = noise\n")
    assert status == 4
    assert "narthex.testing: unknown guard 'noise'; there are network" in out


def test_a_server_of_a_higher_scope_is_no_leak(run):
    status, out = run(
        """
        import socket, pytest

        @pytest.fixture(scope="module")
        def server():
            with socket.create_server(("127.0.0.1", 0)) as one:
                yield one

        def test_it(server): pass
        """
    )
    assert status == 0, out


def test_the_fixtures_are_there(run):
    status, out = run(
        """
        import aiohttp

        async def test_it(fake_clock, fake_resolver, recorder, build_context, fake_http, fake_consul):
            fake_http.json("/x", [1])
            async with aiohttp.ClientSession() as session:
                async with session.get(fake_http.url("/x")) as answer:
                    assert await answer.json() == [1]
                async with session.get(f"http://{fake_consul.address}/v1/agent/self") as answer:
                    assert answer.status == 200
            assert fake_http.requests[0].path == "/x"
            assert build_context("x/0", fake_clock).clock is fake_clock
        """
    )
    assert status == 0, out


def test_a_broken_rule_is_named_with_the_plugin(run, monkeypatch):
    status, out = run(
        """
        from dataclasses import dataclass
        from types import SimpleNamespace
        import pytest
        from narthex import hookimpl
        from narthex.kinds import DiscoveryKind
        from narthex.testing.contract import DiscoveryContract
        from narthex.testing.rigs import DiscoveryRig

        @dataclass(frozen=True)
        class Config: pass

        class Silent:
            def __init__(self, config, context): pass
            async def run(self, publish): raise KeyError("oops")

        kind = DiscoveryKind("silent", Config, Silent)
        plugin = SimpleNamespace(__name__="acme_silent", narthex_discovery_kinds=hookimpl(lambda: [kind]))

        class Rig(DiscoveryRig):
            plugin, kind = plugin, "silent"

        class TestSilent(DiscoveryContract):
            @pytest.fixture
            def rig(self): return Rig()
        """,
        "",
        "-k",
        "first-set or update",
    )
    assert status == 1
    assert "TestSilent::test_rule[discovery/first-set]" in out
    assert "discovery/first-set is broken by discovery silent of acme_silent: run() raised before" in out
    assert "1 failed, 1 skipped" in out


def test_importing_the_plugin_is_light():
    code = "import sys, narthex.testing.plugin; print(sorted({'numpy', 'aiohttp', 'yaml'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
