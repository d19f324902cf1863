from __future__ import annotations

import logging
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from narthex import hookimpl
from narthex.errors import ConfigError, NarthexError, Problem
from narthex.options import ListenAddress, ServerOptions


@pytest.fixture(autouse=True)
def root_logger():
    root = logging.getLogger()
    before = root.level, root.handlers[:]
    yield
    root.setLevel(before[0])
    root.handlers[:] = before[1]


@pytest.fixture
def server(monkeypatch):
    """Stands in for narthex.server; keeps what it was started with."""
    fake = ModuleType("narthex.server")
    fake.started = []
    fake.run = lambda options, host: fake.started.append((options, host)) or 0
    monkeypatch.setitem(sys.modules, "narthex.server", fake)
    return fake


def started(server):
    ((options, _host),) = server.started
    return options


def test_without_flags_the_defaults_of_prometheus_hold(narthex, server):
    assert narthex("run").status == 0
    assert started(server) == ServerOptions()


def test_every_flag_is_parsed_by_its_type(narthex, server):
    outcome = narthex(
        "run", "--config.file=conf/p.yml", "--storage.tsdb.path=/var/lib/n", "--web.listen-address=127.0.0.1:1",
        "--web.listen-address", "[::1]:2", "--web.external-url=https://n.example/x", "--web.enable-lifecycle",
        "--query.timeout=1m30s", "--query.max-samples=7", "--query.max-concurrency=3", "--query.lookback-delta=10m",
        "--storage.tsdb.retention.time=30d", "--log.level=debug", "--log.format=json",
        "--rules.alert.for-outage-tolerance=2h", "--rules.alert.for-grace-period=1m", "--rules.alert.resend-delay=5s",
        "--alertmanager.notification-queue-capacity=10", "--alertmanager.notification-batch-size=2",
        "--no-alertmanager.drain-notification-queue-on-shutdown",
    )  # fmt: skip
    assert outcome.status == 0, outcome.err
    assert started(server) == ServerOptions(
        config_file=Path("conf/p.yml"),
        storage_path=Path("/var/lib/n"),
        web_listen_address=(ListenAddress("127.0.0.1", 1), ListenAddress("::1", 2)),
        web_external_url="https://n.example/x",
        web_enable_lifecycle=True,
        query_timeout=90_000,
        query_max_samples=7,
        query_max_concurrency=3,
        query_lookback_delta=600_000,
        storage_retention=30 * 86_400_000,
        log_level="debug",
        log_format="json",
        rules_outage_tolerance=7_200_000,
        rules_grace_period=60_000,
        rules_resend_delay=5_000,
        notify_queue_capacity=10,
        notify_batch_size=2,
        notify_drain=False,
    )


def test_a_switch_can_be_turned_off_again(narthex, server):
    narthex("run", "--web.enable-lifecycle", "--no-web.enable-lifecycle")
    assert started(server).web_enable_lifecycle is False


@pytest.mark.parametrize(
    "flag",
    [
        "--query.timeout=soon", "--query.max-samples=0", "--query.max-samples=many", "--web.listen-address=9090",
        "--log.level=loud", "--log.format=xml", "--nonsense", "--web.external-url=ftp://x", "--web.external-url='/x'",
    ],
)  # fmt: skip
def test_a_wrong_flag_is_wrong_usage_and_starts_nothing(narthex, server, flag):
    outcome = narthex("run", flag)
    assert outcome.status == 2
    assert flag.partition("=")[0] in outcome.err
    assert server.started == []


def test_an_unusable_configuration_tells_every_problem_and_exits_2(narthex, server):
    problems = (Problem("p.yml", 3, 1, "global", "unknown key"), Problem("p.yml", 9, 5, "", "duplicate key"))

    def fail(options, host):
        raise ConfigError(problems)

    server.run = fail
    outcome = narthex("run")
    assert outcome.status == 2
    assert outcome.err.splitlines() == ["Error: p.yml:3:1: global: unknown key", "Error: p.yml:9:5: duplicate key"]


def test_another_expected_error_exits_1(narthex, server):
    def fail(options, host):
        raise NarthexError("the data directory is in use")

    server.run = fail
    assert narthex("run").status == 1


def test_the_status_of_the_server_is_the_commands(narthex, server):
    server.run = lambda options, host: 3
    assert narthex("run").status == 3


def test_a_failed_plugin_is_logged_with_its_name_and_the_server_starts(narthex, server):
    def hook():
        raise ValueError("bad day")

    outcome = narthex("run", shipped={"bad": SimpleNamespace(narthex_web_routes=hookimpl(hook))})
    assert outcome.status == 0
    (line,) = outcome.err.splitlines()
    assert "level=ERROR" in line
    assert "plugin=bad distribution=narthex" in line
    assert "bad day" in line
    assert len(server.started) == 1


def test_the_traceback_of_a_failed_plugin_is_in_the_debug_log(narthex, server):
    def hook():
        raise ValueError("bad day")

    outcome = narthex("run", "--log.level=debug", shipped={"bad": SimpleNamespace(narthex_web_routes=hookimpl(hook))})
    assert "Traceback (most recent call last)" in outcome.err
