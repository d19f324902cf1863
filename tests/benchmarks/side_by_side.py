"""Narthex and Debian's Prometheus under the same load, one after the other: processor, memory and query times.

200 targets of 1,000 series, scraped every second; each server gets a minute to fill its windows, half a minute to be
measured, and then every query five times while scraping goes on. What counts are the ratios of one run, with nothing
else running. Takes about five minutes; skips where ``prometheus`` is not installed.
"""

# ruff: noqa: T201 -- printing is what it is for

from __future__ import annotations

import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.e2e.servers import fetch, free_port, get

TARGETS, SERIES = 200, 1000
WARM, MEASURE, REPEAT = 75, 30, 5
QUERIES = {
    "up": "up",
    "one series": 'fleet_events_0_total{instance="t7",queue="3"}',
    "rate of 4,000 series": "sum by (queue) (rate(fleet_events_0_total[30s]))",
    "avg_over_time of 4,000": "avg by (instance) (avg_over_time(fleet_events_1_total[30s]))",
    "sum of 40,000 series": 'sum by (instance) ({__name__=~"fleet_events_[0-9]_total"})',
    "sum of 200,000 series": 'sum by (queue) ({__name__=~"fleet_events_.*"})',
}


def main() -> None:
    """Measure both and print a table with ratios."""
    prometheus = shutil.which("prometheus")
    if prometheus is None:
        print("skipped: prometheus is not installed (Debian package prometheus)")
        return
    narthex = [sys.executable, "-c", "from narthex_plugins.standard import main; raise SystemExit(main())", "run"]
    with tempfile.TemporaryDirectory() as folder:
        fleet_port = free_port()
        config = configure(Path(folder), fleet_port)
        fleet = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("_fleet.py")), str(fleet_port), str(SERIES)]
        )
        try:
            theirs = _measure([prometheus], config, Path(folder, "theirs"), fleet_port)
            ours = _measure(narthex, config, Path(folder, "ours"), fleet_port)
        finally:
            fleet.terminate()
            fleet.wait()
    print(f"{'':32}{'prometheus':>12}{'narthex':>12}{'ratio':>8}")
    for name, value in theirs.items():
        print(f"{name:32}{value:12.2f}{ours[name]:12.2f}{ours[name] / value:8.2f}")


def configure(folder: Path, fleet_port: int, interval: str = "1s", more: str = "") -> Path:
    """Write a configuration that scrapes the fleet; ``more`` is added at its end."""
    groups = "".join(
        f"      - {{targets: ['127.0.0.1:{fleet_port}'], labels: {{instance: t{n}, __metrics_path__: /target/{n}}}}}\n"
        for n in range(TARGETS)
    )
    config = folder / "config.yml"
    config.write_text(
        f"global: {{scrape_interval: {interval}, scrape_timeout: 1s}}\n"
        f"scrape_configs:\n  - job_name: fleet\n    static_configs:\n{groups}{more}"
    )
    return config


def _measure(command: Sequence[str], config: Path, data: Path, fleet_port: int) -> Mapping[str, float]:
    port = free_port()
    flags = [f"--config.file={config}", f"--storage.tsdb.path={data}", f"--web.listen-address=127.0.0.1:{port}"]
    with (data.with_suffix(".log")).open("wb") as log:
        server = subprocess.Popen([*command, *flags], stdout=log, stderr=log)
        try:
            return _figures(server.pid, f"http://127.0.0.1:{port}", f"http://127.0.0.1:{fleet_port}/served")
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)


def _figures(pid: int, server: str, counter: str) -> Mapping[str, float]:
    time.sleep(WARM)
    began, served = processor(pid), int(fetch(counter))
    time.sleep(MEASURE)
    samples = (int(fetch(counter)) - served) * SERIES
    figures = {
        "processor, µs a sample": (processor(pid) - began) / samples * 1e6,
        "resident, B a series": _resident(pid) / (TARGETS * SERIES),
    }
    for name, query in QUERIES.items():
        figures[f"instant ms: {name}"] = _median(f"{server}/api/v1/query", query, ranged=False)
        figures[f"range ms: {name}"] = _median(f"{server}/api/v1/query_range", query, ranged=True)
    figures["resident after queries, B"] = _resident(pid) / (TARGETS * SERIES)
    return figures


def _median(url: str, query: str, *, ranged: bool) -> float:
    took = []
    for _ in range(REPEAT):
        now = int(time.time())
        window = {"start": str(now - 60), "end": str(now), "step": "2"} if ranged else {"time": str(now)}
        began = time.perf_counter()
        answer = get(url, query=query, **window)
        took.append((time.perf_counter() - began) * 1000)
        assert answer["data"]["result"], f"{query} found nothing"
    return statistics.median(took)


def processor(pid: int) -> float:
    """Seconds of processor time, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident(pid: int) -> int:
    """Resident bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
