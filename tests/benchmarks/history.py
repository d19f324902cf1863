"""A day of node_exporter-like samples in Prometheus's block and in ours: bytes a sample, and queries over the day.

promtool writes the block, ``narthex tsdb import`` takes it over, and both servers answer the same range queries with
a step of a minute. ``python -m tests.benchmarks history`` plays 40 instances of 250 series at 15 s: 58 million samples,
7 GB of text for promtool, some ten minutes; ``python tests/benchmarks/history.py INSTANCES SECONDS`` less. It needs
Debian's prometheus and promtool.
"""

# ruff: noqa: T201 -- printing is what it is for

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from tests.e2e.servers import free_port, get, serving

from narthex.model.number import value_texts

DAY = 86_400
REPEAT = 3
QUERIES = {
    "rate by mode, 4,000 series": "sum by (mode) (rate(node_cpu_seconds_total[5m]))",
    "avg_over_time, 4,000 series": "avg by (instance) (avg_over_time(node_memory_bytes[5m]))",
    "sum, 4,000 series": "sum by (instance) (node_cpu_seconds_total)",
    "one series": 'rate(node_cpu_seconds_total{instance="10.0.0.1:9100",cpu="0",mode="idle"}[5m])',
}
NARTHEX = [sys.executable, "-c", "from narthex_plugins.standard import main; raise SystemExit(main())"]


def main() -> None:
    """Print sizes and times with their ratios."""
    if not (shutil.which("prometheus") and shutil.which("promtool")):
        print("skipped: prometheus is not installed (Debian package prometheus)")
        return
    given = [int(one) for one in sys.argv[1:] if one.isdigit()]
    instances, interval = (*given, *(40, 15)[len(given) :])
    end = int(time.time()) // DAY * DAY
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), instances, interval, end)


def measure(folder: Path, instances: int, interval: int, end: int) -> None:
    """Write, import, ask."""
    theirs, ours = folder / "theirs", folder / "ours"
    theirs.mkdir()
    with (folder / "day.om").open("wb") as file:
        samples = write(file, instances, interval, end - DAY)
    text = (folder / "day.om").stat().st_size
    promtool = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=24h", "-q"]
    took = [_timed([*promtool, str(folder / "day.om"), str(theirs)])]
    (folder / "day.om").unlink()
    took.append(_timed([*NARTHEX, "tsdb", "import", "--into", str(ours), str(theirs)]))
    print(f"{samples / 1e6:.1f} million samples, {text / 1e9:.1f} GB of text")
    print(f"promtool writes its block in {took[0]:.0f} s, narthex imports that in {took[1]:.0f} s")
    print(f"{'':32}{'prometheus':>12}{'narthex':>12}{'ratio':>8}")
    _row("bytes a sample", _bytes(theirs) / samples, _bytes(ours / "blocks") / samples)
    (folder / "config.yml").write_text("global: {scrape_interval: 15s}\n")
    found = [
        _asked(folder, command, data, end) for command, data in ((["prometheus"], theirs), ([*NARTHEX, "run"], ours))
    ]
    for name in QUERIES:
        _row(f"ms: {name}", found[0][name], found[1][name])


def write(file: BinaryIO, instances: int, interval: int, start: int) -> int:
    """OpenMetrics text, series after series; returns the number of samples."""
    times = np.arange(start, start + DAY, interval)
    moments = value_texts(times.astype(np.float64))
    count = 0
    for name, values in series(instances, len(times)):
        texts = value_texts(values)
        file.write("".join(f"{name} {value} {time}\n" for value, time in zip(texts, moments, strict=True)).encode())
        count += len(times)
    file.write(b"# EOF\n")
    return count


def series(instances: int, rows: int) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """What a node exporter shows: four series in ten that never change, counters of time and of bytes, gauges."""
    source = np.random.default_rng(1)
    labels = [f'instance="10.0.0.{n}:9100",job="node"' for n in range(1, instances + 1)]
    for common in labels:  # busy times, in hundredths of a second
        for at in range(100):
            steps = source.poisson(source.choice([0.05, 2, 40, 1400]), rows) / 100
            yield (
                f'node_cpu_seconds_total{{cpu="{at // 8}",mode="m{at % 8}",{common}}}'.replace("m0", "idle"),
                np.round(steps.cumsum(), 2),
            )
    for common in labels:  # pages of memory
        for at in range(100):
            walk = source.integers(-200, 201, rows) * source.choice([0, 0, 1], rows)
            yield f'node_memory_bytes{{kind="k{at}",{common}}}', (1e6 + walk.cumsum()) * 4096.0 * (at % 4 > 0)
    for common in labels:  # bytes sent
        for at in range(20):
            steps = source.integers(0, 1 << source.integers(4, 22), rows)
            yield f'node_network_bytes_total{{device="d{at}",{common}}}', steps.cumsum().astype(np.float64)
    for common in labels:
        for at in range(30):
            yield f'node_info_value{{thing="t{at}",{common}}}', np.full(rows, float(at))


def _asked(folder: Path, command: list[str], data: Path, end: int) -> Mapping[str, float]:
    port = free_port()
    argv = [*command, f"--config.file={folder / 'config.yml'}", f"--storage.tsdb.path={data}",
            f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=400d"]  # fmt: skip
    found = {}
    with serving(argv, folder / f"{data.name}.log", port, "/-/ready") as server:
        for name, query in QUERIES.items():
            took = []
            for _ in range(REPEAT):
                window = {"start": str(end - DAY), "end": str(end - 60), "step": "60"}
                began = time.perf_counter()
                answer = get(f"{server.url}/api/v1/query_range", query=query, **window)
                took.append((time.perf_counter() - began) * 1000)
                assert answer["data"]["result"], f"{query} found nothing"
            found[name] = statistics.median(took)
    return found


def _timed(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def _bytes(path: Path) -> int:
    return sum(one.stat().st_size for one in path.rglob("*") if one.is_file())


def _row(name: str, theirs: float, ours: float) -> None:
    print(f"{name:32}{theirs:12.2f}{ours:12.2f}{ours / theirs:8.2f}")


if __name__ == "__main__":
    main()
