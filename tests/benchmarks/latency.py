"""From a change to the first scrape of the new target, for a file and for Consul, with default settings; and floods.

``python -m tests.benchmarks latency``. A Narthex with default settings, so with an interval of a minute, watches a file
and a fake Consul. Every few seconds a target is added to one of them, and the time is taken until its first request
comes in. Then both are changed a hundred times a second for ten seconds, and it is counted how often the job's targets
were evaluated (``prometheus_target_scrape_pool_sync_total``). Where Debian's Prometheus is installed, which is built
without Consul, it gets the same file, with an interval of a second, because its first scrape waits for the slot.
"""

# ruff: noqa: T201 -- printing is what it is for

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
from aiohttp import web
from tests.benchmarks.live_targets import NARTHEX
from tests.e2e.servers import free_port

from narthex.testing.consul import FakeConsul, Instance

CHANGES, PAUSE, PATIENCE = 12, 2.5, 60.0
FLOOD, RATE = 10.0, 100
_SYNCS = re.compile(r'(?m)^prometheus_target_scrape_pool_sync_total\{scrape_job="(\w+)"\} (\S+)')


class Exporter:
    """Answers every scrape, and knows when each path was asked for first."""

    def __init__(self) -> None:
        self.seen: dict[str, asyncio.Future[float]] = {}
        self.port = free_port()

    async def start(self) -> web.AppRunner:
        """Listen."""
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        return runner

    def first(self, path: str) -> asyncio.Future[float]:
        """When the path was asked for first (monotonic seconds)."""
        return self.seen.setdefault(path, asyncio.get_running_loop().create_future())

    async def _answer(self, request: web.Request) -> web.Response:
        first = self.first(request.path)
        if not first.done():
            first.set_result(time.monotonic())
        return web.Response(text="a 1\n", content_type="text/plain")


class Source:
    """Where targets are added: a file, or the fake Consul."""

    def __init__(self, file: Path, consul: FakeConsul, port: int) -> None:
        self._file = file
        self._consul = consul
        self._port = port
        self._paths: list[str] = []

    async def in_file(self, path: str) -> None:
        """Add a target by replacing the file."""
        self._paths.append(path)
        groups = [{"targets": [f"127.0.0.1:{self._port}"], "labels": {"__metrics_path__": one}} for one in self._paths]
        aside = self._file.parent.parent / "new.json"
        aside.write_text(json.dumps(groups))
        aside.rename(self._file)

    async def in_consul(self, path: str) -> None:
        """Register one more instance of the service."""
        one = Instance(port=self._port, id=path, service_address="127.0.0.1", meta={"path": path})
        self._consul.register("web", one)


def main() -> None:
    """Measure and print."""
    asyncio.run(_main())


async def _main() -> None:
    exporter = Exporter()
    runner = await exporter.start()
    try:
        print("seconds from a change to the first scrape of the new target (median, least, most)")
        await _server("narthex", NARTHEX, exporter, {}, ("file", "consul"))
        prometheus = shutil.which("prometheus")
        if prometheus is not None:
            quick = {"scrape_interval": "1s", "scrape_timeout": "1s"}
            await _server("prometheus", (prometheus,), exporter, quick, ("file",))
    finally:
        await runner.cleanup()


async def _server(
    name: str, command: tuple[str, ...], exporter: Exporter, settings: dict[str, str], kinds: tuple[str, ...]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "sd").mkdir()
        async with FakeConsul() as consul:
            source = Source(root / "sd" / "targets.json", consul, exporter.port)
            await source.in_file(f"/{name}/file/begin")
            await source.in_consul(f"/{name}/consul/begin")
            (root / "prometheus.yml").write_text(json.dumps(_config(consul.address, settings, kinds)))
            port = free_port()
            flags = ["--config.file=prometheus.yml", "--storage.tsdb.path=data"]
            flags.append(f"--web.listen-address=127.0.0.1:{port}")
            with (root / "log").open("wb") as log:
                process = await asyncio.create_subprocess_exec(*command, *flags, cwd=root, stdout=log, stderr=log)
            try:
                ways = {"file": source.in_file, "consul": source.in_consul}
                await _measure(name, {kind: ways[kind] for kind in kinds}, exporter, f"http://127.0.0.1:{port}")
            finally:
                if process.returncode is None:
                    process.send_signal(signal.SIGTERM)
                    await process.wait()


def _config(consul: str, settings: dict[str, str], kinds: tuple[str, ...]) -> dict[str, object]:
    path = {"source_labels": ["__meta_consul_service_metadata_path"], "target_label": "__metrics_path__"}
    jobs = [
        {"job_name": "file", "file_sd_configs": [{"files": ["sd/targets.json"]}]},
        {"job_name": "consul", "consul_sd_configs": [{"server": consul}], "relabel_configs": [path]},
    ]
    return {"global": settings, "scrape_configs": [job for job in jobs if job["job_name"] in kinds]}


Ways = dict[str, Callable[[str], Awaitable[None]]]


async def _measure(name: str, ways: Ways, exporter: Exporter, server: str) -> None:
    async with aiohttp.ClientSession(server) as session:
        async with asyncio.timeout(PATIENCE):
            while not ways.keys() <= (await _syncs(session)).keys():  # noqa: ASYNC110 -- asked over HTTP
                await asyncio.sleep(0.1)
        await asyncio.sleep(35)  # the targets of the start are no new ones
        for job, add in ways.items():
            took = [await _one(f"/{name}/{job}/{number}", add, exporter) for number in range(CHANGES)]
            print(f"  {name:11}{job:7}{statistics.median(took):7.2f}{min(took):7.2f}{max(took):7.2f}", flush=True)
        for job, add in ways.items():
            evaluations = await _flood(session, job, add, f"/{name}/{job}")
            print(f"  {name:11}{job:7}{RATE} changes a second: {evaluations:.2f} evaluations a second", flush=True)


async def _one(path: str, add: Callable[[str], Awaitable[None]], exporter: Exporter) -> float:
    first = exporter.first(path)
    begin = time.monotonic()
    await add(path)
    took = await asyncio.wait_for(first, PATIENCE) - begin
    await asyncio.sleep(PAUSE)
    return took


async def _flood(session: aiohttp.ClientSession, job: str, add: Callable[[str], Awaitable[None]], path: str) -> float:
    """Evaluations a second while changes come a hundred times a second."""
    before, begin = (await _syncs(session))[job], time.monotonic()
    for number in range(int(FLOOD * RATE)):
        await add(f"{path}/flood/{number % 20}")
        await asyncio.sleep(max(0.0, begin + number / RATE - time.monotonic()))
    return ((await _syncs(session))[job] - before) / (time.monotonic() - begin)


async def _syncs(session: aiohttp.ClientSession) -> dict[str, float]:
    """How often each job's targets were evaluated."""
    try:
        async with session.get("/metrics") as answer:
            return {job: float(count) for job, count in _SYNCS.findall(await answer.text())}
    except aiohttp.ClientError:
        return {}


if __name__ == "__main__":
    main()
