"""A program under the real supervisor: on a thread of its own, started again when it fails, gone when it is stopped."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from tests.waiting import until

from narthex.clock import SystemClock
from narthex.config.scrape import DiscoveryConfig
from narthex.config.types import Duration
from narthex.discovery.state import Settings, State
from narthex.discovery.supervisor import Supervisor
from narthex.plugins.host import PluginHost
from narthex_sd import exec as plugin
from narthex_sd.exec import ExecConfig

QUICK = Settings(restart_least=0.01, restart_most=0.05, pace_least=0.01)


@contextlib.asynccontextmanager
async def supervised(config):
    catalog = PluginHost({"exec": plugin}, scan=False).catalog()
    one = Supervisor(catalog, SystemClock(), CollectorRegistry(), settings=QUICK)
    await one.apply({"job": [DiscoveryConfig("exec", config)]})
    try:
        yield one
    finally:
        await one.stop(5.0)


def addresses(one):
    return [target["__address__"] for found in one.groups("job") for target in found.group.targets]


def listing(*addresses):
    return json.dumps([{"targets": list(addresses)}])


@pytest.mark.parametrize("mode", ["refresh", "stream"])
async def test_a_program_that_fails_is_started_again_and_its_targets_stay(tmp_path, mode):
    starts, switch = tmp_path / "starts", tmp_path / "broken"
    code = f'echo x >> "$1"; [ -e "$2" ] && exit 3; echo \'{listing("h:1")}\'; [ {mode} = refresh ] || sleep 0.05'
    command = ("/bin/sh", "-c", code, "sh", str(starts), str(switch))
    async with supervised(ExecConfig(command, mode=mode, refresh_interval=Duration(20))) as one:
        await until(lambda: addresses(one) == ["h:1"])
        switch.touch()
        if mode == "refresh":
            return  # the next run is a minute away
        before = len(starts.read_text())
        await until(lambda: len(starts.read_text()) > before + 4)
        (status,) = one.status()
        assert status.state is State.RETRYING
        assert "ended with status 3" in status.last_error
        assert addresses(one) == ["h:1"]
        switch.unlink()
        await until(lambda: one.status()[0].state is State.OK)


async def test_stopping_ends_the_program(tmp_path):
    pid = tmp_path / "pid"
    code = f"echo $$ > \"$1\"; echo '{listing('h:1')}'; exec sleep 1000"
    async with supervised(ExecConfig(("/bin/sh", "-c", code, "sh", str(pid)), mode="stream")) as one:
        await until(lambda: addresses(one) == ["h:1"])
        process = Path("/proc") / pid.read_text().strip()
        assert process.exists()
    await until(lambda: not process.exists())
