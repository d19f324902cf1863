"""Responders on loopback: Avahi with a message bus of its own, and zeroconf itself."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.servers import until
from tests.waiting import PATIENCE

from narthex.config.types import Duration
from narthex_sd.mdns import MdnsConfig

BUS = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>custom</type>
  <listen>unix:path={path}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/><allow user="*"/>
  </policy>
</busconfig>
"""
AVAHI = """\
[server]
use-ipv4=yes
use-ipv6=no
allow-interfaces=lo
host-name={host}
[publish]
publish-workstation=no
publish-hinfo=no
"""


KIND = f"_narthex-{os.getpid() % 1_000_000}._tcp"
"""A type of the test run's own: multicast on loopback reaches every process of the machine."""


@pytest.fixture
def config() -> MdnsConfig:
    """Browses on loopback, for long enough that a responder there has answered."""
    return MdnsConfig(service_types=(KIND,), interfaces=("127.0.0.1",), ip_version="v4", browse_time=Duration(400))


class Avahi:
    """A daemon that answers on loopback. Publishers are processes; one that ends says goodbye."""

    def __init__(self, bus: str, log: Path) -> None:
        self._environment = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={bus}"}
        self._log = log.open("ab")
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, *argv: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(argv, stdout=self._log, stderr=self._log, env=self._environment)
        self._running.append(process)
        return process

    def publish(self, name: str, port: int, *txt: str, kind: str = KIND):
        return self.start("avahi-publish", "-s", name, kind, str(port), *txt)

    def withdraw(self, publisher: subprocess.Popen[bytes]) -> None:
        publisher.terminate()
        publisher.wait(PATIENCE)

    def stop(self) -> None:
        for process in reversed(self._running):
            if process.poll() is None:
                process.terminate()
                process.wait(PATIENCE)
        self._log.close()


@pytest.fixture(scope="session")
def avahi(tmp_path_factory) -> Iterator[Avahi]:
    for name in ("avahi-daemon", "avahi-publish", "dbus-daemon"):
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed (Debian packages avahi-daemon, avahi-utils, dbus)")
    if os.geteuid() != 0 or Path("/run/avahi-daemon/pid").exists():
        pytest.skip("an Avahi of the test's own needs root, and that none runs on the machine")
    directory = tmp_path_factory.mktemp("avahi")
    bus, log = directory / "bus", directory / "log"
    (directory / "bus.conf").write_text(BUS.format(path=bus))
    (directory / "avahi.conf").write_text(AVAHI.format(host=f"narthex-{os.getpid()}"))
    server = Avahi(str(bus), log)
    with contextlib.ExitStack() as stack:
        stack.callback(server.stop)
        server.start("dbus-daemon", f"--config-file={directory / 'bus.conf'}", "--nofork", "--nopidfile")
        until("the bus", bus.exists)
        flags = ("--no-drop-root", "--no-chroot", "--no-rlimits", "--no-proc-title")
        server.start("avahi-daemon", "-f", str(directory / "avahi.conf"), *flags)
        until("Avahi has started", lambda: "Server startup complete" in log.read_text())
        yield server


@pytest.fixture
async def responder():
    """zeroconf in its other role, on loopback; gives a function that announces a service."""
    from zeroconf import IPVersion
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

    zeroconf = AsyncZeroconf(interfaces=["127.0.0.1"], ip_version=IPVersion.V4Only)

    class Responder:
        def service(self, name, port=9100, addresses=("127.0.0.9",), txt=None, kind=f"{KIND}.local."):
            packed = [socket.inet_pton(socket.AF_INET6 if ":" in one else socket.AF_INET, one) for one in addresses]
            full = f"{name}.{kind}"
            host = f"{name.lower()}.local."
            return AsyncServiceInfo(kind, full, addresses=packed, port=port, properties=txt or {}, server=host)

        async def announce(self, *services):
            for service in services:
                await zeroconf.async_register_service(service, cooperating_responders=True)

        async def update(self, service):
            await (await zeroconf.async_update_service(service))  # until the last repetition is out

        async def withdraw(self, service):
            await zeroconf.async_unregister_service(service)

    yield Responder()
    await zeroconf.async_close()
