"""Queries over a thousand series of native histograms, beside Prometheus on the same samples.

Prometheus gets them by remote write; its data directory is imported, and both servers answer the same queries over a
range of 60 steps. ``python -m tests.benchmarks native_histograms`` plays 1,000 series of 20 to 160 buckets, half an
hour with a sample every 15 s; ``python tests/benchmarks/native_histograms.py SERIES`` fewer or more. It needs Debian's
prometheus, which takes minutes for the rates.
"""

# ruff: noqa: T201 -- printing is what it is for

from __future__ import annotations

import os
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tests.benchmarks.restart import NARTHEX, field, snappy, varint
from tests.e2e.servers import Server, free_port, serving

STEP, ROWS, STEPS, REPEAT = 15_000, 120, 60, 3
QUERIES = (
    "histogram_count(h)",
    "sum by (job) (h)",
    "histogram_quantile(0.9, sum by (job) (h))",
    "sum by (job) (rate(h[5m]))",
    "histogram_quantile(0.9, rate(h[5m]))",
    "histogram_quantile(0.9, sum by (job) (rate(h[5m])))",
    "histogram_fraction(0, 0.1, sum(rate(h[5m])))",
)


def main() -> None:
    """Print the processor times of both and their ratios, which other work on the machine changes little."""
    if not shutil.which("prometheus"):
        print("skipped: prometheus is not installed (Debian package prometheus)")
        return
    given = [int(one) for one in sys.argv[1:] if one.isdigit()]
    series = given[0] if given else 1000
    end = int(time.time()) // 15 * STEP
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), series, end)


def measure(folder: Path, series: int, end: int) -> None:
    """Send, import, ask."""
    (folder / "config.yml").write_text("global: {scrape_interval: 15s}\n")
    theirs, ours = folder / "theirs", folder / "ours"
    port = free_port()
    argv = ["prometheus", f"--config.file={folder / 'config.yml'}", f"--storage.tsdb.path={theirs}",
            f"--web.listen-address=127.0.0.1:{port}", "--web.enable-remote-write-receiver",
            "--enable-feature=native-histograms"]  # fmt: skip
    with serving(argv, folder / "theirs.log", port, "/-/ready") as server:
        send(port, series, end - STEP * ROWS)
        found = [asked(server, end)]
    argv = [*NARTHEX, "tsdb", "import", "--into", str(ours), str(theirs)]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    port = free_port()
    argv = [*NARTHEX, "run", f"--config.file={folder / 'config.yml'}", f"--storage.tsdb.path={ours}",
            f"--web.listen-address=127.0.0.1:{port}"]  # fmt: skip
    with serving(argv, folder / "ours.log", port, "/-/ready") as server:
        found.append(asked(server, end))
    print(f"{series} series, {STEPS} steps; milliseconds of the processor, the median of {REPEAT}")
    print(f"{'':64}{'prometheus':>12}{'narthex':>12}{'ratio':>8}")
    for query in QUERIES:
        one, other = (times[query] for times in found)
        print(f"{query:64}{one:12.0f}{other:12.0f}{other / one:8.2f}")


def asked(server: Server, end: int) -> Mapping[str, float]:
    """The server's processor time for each query, in milliseconds: user and system, all threads."""
    found = {}
    for query in QUERIES:
        took = []
        for _ in range(REPEAT):
            window = {"start": str((end - STEPS * STEP) / 1000), "end": str(end / 1000 - 1), "step": str(STEP // 1000)}
            began = busy(server.process.pid)
            url = f"{server.url}/api/v1/query_range?{urllib.parse.urlencode({'query': query, **window})}"
            with urllib.request.urlopen(url, timeout=600) as answer:
                size = len(answer.read())
            took.append(busy(server.process.pid) - began)
            assert size > 1000, f"{query} found nothing"
        found[query] = statistics.median(took)
    return found


def busy(process: int) -> float:
    """Processor time of a process so far, in milliseconds."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# --- samples, and how remote write wants them ---


def samples_of(series: int) -> tuple[int, NDArray[np.int64]]:
    """The first bucket of a series, and its counts: ``[ROWS, buckets]``. Few observations lie far from the middle."""
    source = np.random.default_rng(series)
    buckets = 20 + series * 61 % 141
    weights = np.exp(-(np.linspace(-2, 2, buckets) ** 2)) * 20
    return -buckets // 2 + series % 7, np.cumsum(source.poisson(weights, (ROWS, buckets)), axis=0)


def message(first: int, counts: NDArray[np.int64], when: int) -> bytes:
    """One histogram of schema 3 as remote write spells it."""
    deltas = np.diff(counts, prepend=0).tolist()
    return b"".join(
        (
            b"\x08" + varint(int(counts.sum())),
            b"\x19" + struct.pack("<d", float(counts.sum()) * 0.4),
            b"\x20" + varint(zigzag(3)),
            b"\x29" + struct.pack("<d", 1e-6),
            b"\x30\x00",
            field(11, b"\x08" + varint(zigzag(first)) + b"\x10" + varint(len(counts))),
            field(12, b"".join(varint(zigzag(one)) for one in deltas)),
            b"\x78" + varint(when),
        )
    )


def zigzag(number: int) -> int:
    """A signed number so that small ones stay short."""
    return number << 1 if number >= 0 else (-number << 1) - 1


def send(port: int, series: int, start: int) -> None:
    """Everything, some series at a time."""
    for low in range(0, series, 50):
        parts = []
        for one in range(low, min(low + 50, series)):
            labels = {"__name__": "h", "instance": f"host{one}", "job": f"job{one % 10}"}
            first, counts = samples_of(one)
            held = [field(4, message(first, row, start + STEP * (at + 1))) for at, row in enumerate(counts)]
            named = [field(1, field(1, name.encode()) + field(2, text.encode())) for name, text in labels.items()]
            parts.append(field(1, b"".join([*named, *held])))
        headers = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}
        request = urllib.request.Request(f"http://127.0.0.1:{port}/api/v1/write", snappy(b"".join(parts)), headers)
        urllib.request.urlopen(request, timeout=600).close()


if __name__ == "__main__":
    main()
