"""Restart after a kill, with two hours of 15 s samples in the head: until ready, beside Prometheus with the same.

Run ``python -m tests.benchmarks restart`` for 200 targets of 1,000 series (96 million samples, which take Prometheus
some minutes to receive), or ``python tests/benchmarks/restart.py TARGETS SERIES``. Prometheus gets them by remote
write, the storage of Narthex as rows; both are killed, and started again as servers. Without Prometheus only ours is
measured.
"""

# ruff: noqa: T201 -- printing is what it is for

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry
from tests.e2e.servers import free_port

from narthex.kinds import BuildContext
from narthex.model.labels import Labels
from narthex.storage.protocol import Batch
from narthex.testing.clock import FakeClock
from narthex_plugins.tsdb import TsdbConfig, build

STEP = 15_000
ROWS = 480
WINDOW = 120
"""Rows sent at a time: Prometheus takes nothing older than an hour before the newest."""

NARTHEX = [sys.executable, "-c", "from narthex_plugins.standard import main; raise SystemExit(main())"]


def labels_of(target: int, series: int) -> list[dict[str, str]]:
    common = {"instance": f"host{target}:9100", "job": "node", "dc": "a", "env": "prod"}
    return [
        {"__name__": f"metric_{i % 250}", "cpu": str(i // 250), "mode": f"m{i % 7}", **common} for i in range(series)
    ]


def values_of(series: int) -> NDArray[np.float64]:
    """``[ROWS, series]``: two fifths are counters, the rest stays."""
    steps = np.random.default_rng(1).integers(0, 100, (ROWS, series)).astype(np.float64)
    steps[:, np.arange(series) % 5 > 1] = 0.0
    return np.cumsum(steps, axis=0) + 1000.0


# --- ours -----------------------------------------------------------------------------------------------------------


async def fill(path: Path, targets: int, series: int, start: int) -> None:
    """Append everything, wait for the log, and end without a stop."""
    log = logging.LoggerAdapter(logging.getLogger("bench"))
    storage = build(TsdbConfig(), BuildContext("tsdb", FakeClock(start / 1000), log, CollectorRegistry(), path))
    await storage.start()
    lanes = []
    for target in range(targets):
        lane = storage.open_lane(STEP, 0)
        lane.extend(storage.register([Labels(one) for one in labels_of(target, series)]))
        lanes.append(lane)
    values = values_of(series)
    for row in range(ROWS):
        for lane in lanes:
            storage.append(Batch(lane, start + row * STEP, values[row]))
        assert storage._disk is not None
        storage._disk.wal.write()
        if row % 10 == 0:  # in two hours a slab is sealed long before the next is full
            storage._disk._sealer.retry().result()
    os._exit(0)


# --- Prometheus -----------------------------------------------------------------------------------------------------


def varint(number: int) -> bytes:
    parts = []
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def field(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(data)) + data


def samples(times: Sequence[int], values: NDArray[np.float64]) -> bytes:
    """The samples of one series: messages of one length, because times of this century take six bytes."""
    records = np.zeros(len(times), dtype=[("head", "S3"), ("value", "<f8"), ("tag", "S1"), ("time", "S6")])
    records["head"], records["tag"] = b"\x12\x10\x09", b"\x10"
    records["value"], records["time"] = values, [varint(one) for one in times]
    return records.tobytes()


def snappy(data: bytes) -> bytes:
    """As literals: valid, and not smaller."""
    parts = [varint(len(data))]
    for at in range(0, len(data), 60_000):
        part = data[at : at + 60_000]
        parts += [b"\xf4", struct.pack("<H", len(part) - 1), part]
    return b"".join(parts)


def send(port: int, targets: int, series: int, start: int) -> None:
    values = values_of(series)
    for window in range(0, ROWS, WINDOW):
        times = [start + row * STEP for row in range(window, window + WINDOW)]
        own = [samples(times, values[window : window + WINDOW, i]) for i in range(series)]
        for target in range(targets):
            message = b"".join(
                field(
                    1,
                    b"".join(field(1, field(1, k.encode()) + field(2, v.encode())) for k, v in sorted(one.items()))
                    + own[i],
                )
                for i, one in enumerate(labels_of(target, series))
            )
            headers = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}
            url = f"http://127.0.0.1:{port}/api/v1/write"
            urllib.request.urlopen(urllib.request.Request(url, snappy(message), headers), timeout=600).close()


# --- both -----------------------------------------------------------------------------------------------------------


def until_ready(command: list[str], port: int) -> tuple[subprocess.Popen[bytes], float]:
    """Start a server; returns it with the seconds until it says that it is ready."""
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=60).close()
            return process, time.perf_counter() - begin
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.02)
    raise SystemExit(f"{command[0]} ended with {process.returncode}")


def measure(root: Path, targets: int, series: int) -> None:
    start = (int(time.time()) - ROWS * STEP // 1000) * 1000
    config = root / "prometheus.yml"
    config.write_text("{}\n")
    flags = [f"--config.file={config}", "--web.listen-address=127.0.0.1:{}", "--storage.tsdb.path={}"]
    pid = os.fork()
    if not pid:
        asyncio.run(fill(root / "narthex", targets, series, start))
    os.waitpid(pid, 0)
    port = free_port()
    process, ours = until_ready(
        [*NARTHEX, "run", *(one.format(port if "web" in one else root / "narthex") for one in flags)], port
    )
    process.kill()
    process.wait()
    print(f"narthex      {ours:8.2f} s until ready")
    binary = shutil.which("prometheus")
    if binary is None:
        print("prometheus is not installed")
        return
    port = free_port()
    command = [binary, *(one.format(port if "web" in one else root / "prometheus") for one in flags)]
    process, _ = until_ready([*command, "--web.enable-remote-write-receiver"], port)
    send(port, targets, series, start)
    process.kill()
    process.wait()
    process, theirs = until_ready(command, port)
    process.kill()
    process.wait()
    print(f"prometheus   {theirs:8.2f} s until ready\nratio        {ours / theirs:8.2f}")


def main() -> None:
    """Print the figures."""
    numbers = [int(text) for text in sys.argv[1:] if text.isdigit()]
    targets, series = numbers if len(numbers) == 2 else (200, 1000)
    print(f"{targets} targets of {series} series, {ROWS} samples each")
    with tempfile.TemporaryDirectory() as root:
        measure(Path(root), targets, series)


if __name__ == "__main__":
    main()
