"""10,000 scrape loops at 15 s with small bodies: whether every slot is met, and what that costs.

``python -m tests.benchmarks loops``. One process serves 10,000 targets on 250 addresses of loopback, each with a body
of ten samples of which one changes. Narthex finds them in a file and scrapes for 90 seconds. A slot is missed if a
target has fewer scrapes than slots, and met late if its timestamp is not the slot's: a scrape that begins within 2 ms
of its slot gets the slot's time.
"""

# ruff: noqa: T201 -- printing is what it is for

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.benchmarks._fleet import Fleet
from tests.benchmarks.live_targets import NARTHEX
from tests.benchmarks.targets import processor, resident
from tests.e2e.servers import free_port, get

TARGETS, INTERVAL, SECONDS, WARM = 10_000, 15, 90, 45
BODY = "".join(f'small_events_total{{queue="{n}"}} {n}\n' for n in range(9)) + "small_moving_total "


HOSTS = 250


def host(number: int) -> str:
    """The address of a target: one of several of loopback, so that connections are not all to one place."""
    return f"127.0.1.{1 + number % HOSTS}"


async def serve(port: int) -> None:
    """Serve every address on one port until cancelled."""
    hosts = [host(number) for number in range(HOSTS)]
    Fleet.answers = tuple(_answer(f"{BODY}{version}\n") for version in range(40))
    server = await asyncio.get_running_loop().create_server(Fleet, hosts, port, backlog=1000)
    await server.serve_forever()


def _answer(body: str) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


def main(seconds: int = SECONDS) -> None:
    """Run both processes and print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        root, port, fleet_port = Path(folder), free_port(), free_port()
        groups = [
            {
                "targets": [f"{host(n)}:{fleet_port}"],
                "labels": {"__metrics_path__": f"/target/{n}", "instance": f"t{n}"},
            }
            for n in range(TARGETS)
        ]
        (root / "targets.json").write_text(json.dumps(groups))
        job = {"job_name": "small", "file_sd_configs": [{"files": ["targets.json"]}]}
        config = {"global": {"scrape_interval": f"{INTERVAL}s", "scrape_timeout": "10s"}, "scrape_configs": [job]}
        (root / "prometheus.yml").write_text(json.dumps(config))
        flags = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", f"--web.listen-address=127.0.0.1:{port}"]
        fleet = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.loops", "serve", str(fleet_port)])
        with (root / "log").open("wb") as log:
            server = subprocess.Popen([*NARTHEX, *flags], cwd=root, stdout=log, stderr=log)
        try:
            _report(f"http://127.0.0.1:{port}", server.pid, fleet.pid, seconds)
        finally:
            for process in (server, fleet):
                process.send_signal(signal.SIGTERM)
                process.wait(60)


def _report(server: str, pid: int, fleet: int, seconds: int) -> None:
    time.sleep(WARM)
    used, served, begin = processor(pid), processor(fleet), time.time()
    time.sleep(seconds)
    end = time.time()
    spent, serving = (processor(pid) - used) / (end - begin), (processor(fleet) - served) / (end - begin)
    missed, late, scrapes, down = _slots(server, begin, end)
    print(f"{TARGETS} targets at {INTERVAL} s for {seconds} s, ten samples each, on {os.cpu_count()} processors")
    print(f"  scrapes {scrapes}, missed slots {missed}, scrapes late for their slot {late}, failed {down}")
    print(
        f"  processor {spent * 100:.0f} % of one ({spent * INTERVAL / TARGETS * 1e6:.0f} us a scrape; the fake targets "
        f"beside it {serving * 100:.0f} %), resident {resident(pid):.0f} MiB"
    )


def _slots(server: str, begin: float, end: float) -> tuple[int, int, int, int]:
    """Missed slots, late scrapes, scrapes and failed ones between two moments, from the samples of ``up``."""
    first, last = int(begin) + 1, int(end) - 2
    answer = get(f"{server}/api/v1/query", query=f"up[{last - first}s]", time=str(last))
    missed = late = scrapes = down = 0
    for series in answer["data"]["result"]:
        times = [round(when * 1000) for when, _ in series["values"]]
        phase, _ = Counter(when % (INTERVAL * 1000) for when in times).most_common(1)[0]
        expected = (last * 1000 - phase) // (INTERVAL * 1000) - (first * 1000 - phase) // (INTERVAL * 1000)
        missed += max(0, expected - len(times))
        late += sum(when % (INTERVAL * 1000) != phase for when in times)
        scrapes += len(times)
        down += sum(value != "1" for _, value in series["values"])
    missed += (TARGETS - len(answer["data"]["result"])) * ((last - first) // INTERVAL)
    return missed, late, scrapes, down


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        asyncio.run(serve(int(sys.argv[2])))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS)
