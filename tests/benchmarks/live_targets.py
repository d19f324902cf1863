"""100,000 targets from one file in running servers, Narthex's and Prometheus's: taking them up, a change, and memory.

``python -m tests.benchmarks live_targets``. Both read the same file of groups and the same ten rules; the interval is a
day, so that nothing is scraped while it is measured. Told is each server's own
``prometheus_target_sync_length_seconds``, from groups to running scrape loops, for the whole file and for another in
which a hundredth of the targets changed, and by how much its resident memory grew. What the file costs to be read is
not in these seconds, but in those of the processor, which others on the machine do not change as much.
"""

# ruff: noqa: T201 -- printing is what it is for

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.benchmarks.targets import CHANGED, RULES, TARGETS, address, pod, processor, resident
from tests.e2e.servers import free_port

PATIENCE, SETTLE = 300.0, 15.0
_POOL = re.compile(r'(?m)^(prometheus_target_\w+)\{scrape_job="pods"\} (\S+)')
LENGTH, COUNT = "prometheus_target_sync_length_seconds_sum", "prometheus_target_sync_length_seconds_count"
POOL = "prometheus_target_scrape_pool_targets"
NARTHEX = (sys.executable, "-c", "from narthex_plugins.standard import main; raise SystemExit(main())", "run")


def main(count: int = TARGETS) -> None:
    """Measure both and print the figures with their ratios."""
    ours = measure(NARTHEX, count)
    print(f"{count} targets, {len(RULES)} rules, from a file")
    _line("narthex", ours)
    prometheus = shutil.which("prometheus")
    if prometheus is None:
        print("Prometheus is not installed (Debian package prometheus)")
        return
    theirs = measure((prometheus,), count)
    _line("prometheus", theirs)
    print(
        f"  ratios: cold {ours['cold'] / theirs['cold']:.2f}, changed to cold {ours['changed'] / ours['cold']:.3f} "
        f"(Prometheus {theirs['changed'] / theirs['cold']:.2f}), memory {ours['memory'] / theirs['memory']:.2f}, "
        f"processor {ours['processor'] / theirs['processor']:.2f}"
    )


def _line(name: str, found: dict[str, float]) -> None:
    cold, changed, memory, peak = found["cold"], found["changed"], found["memory"], found["after change"]
    print(
        f"  {name:11} cold {cold:6.2f} s   1 % changed {changed:6.3f} s   memory {memory:5.0f} MiB, then {peak:5.0f}   "
        f"processor, with reading the file, {found['processor']:5.1f} s"
    )


def measure(command: Sequence[str], count: int) -> dict[str, float]:
    """Seconds of the two syncs, MiB by which the server grew, and after the change."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "sd").mkdir()
        job = {"job_name": "pods", "file_sd_configs": [{"files": ["sd/pods.json"]}], "relabel_configs": list(RULES)}
        config = {"global": {"scrape_interval": "1d"}, "scrape_configs": [job]}
        (root / "prometheus.yml").write_text(json.dumps(config))
        _write(root, [{"targets": ["127.0.0.1:1"], "labels": pod(0)}])
        port = free_port()
        flags = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", f"--web.listen-address=127.0.0.1:{port}"]
        with (
            (root / "log").open("wb") as log,
            subprocess.Popen([*command, *flags, "--log.level=warn"], cwd=root, stdout=log, stderr=log) as process,
        ):
            try:
                return _measured(root, port, process.pid, count)
            finally:
                process.send_signal(signal.SIGTERM)


def _measured(root: Path, port: int, pid: int, count: int) -> dict[str, float]:
    empty = _until(port, lambda found: found.get(POOL) == 1)
    before, used = resident(pid), processor(pid)
    _write(root, [{"targets": [address(i)], "labels": pod(i)} for i in range(count)])
    full = _until(port, lambda found: found.get(POOL, 0) >= count and found[COUNT] > empty[COUNT])
    time.sleep(SETTLE)
    memory, spent = resident(pid) - before, processor(pid) - used
    changed = int(count * CHANGED)
    _write(root, [{"targets": [address(i)], "labels": pod(i, int(i < changed))} for i in range(count)])
    again = _until(port, lambda found: found[COUNT] > full[COUNT] and found.get(POOL, 0) >= count)
    time.sleep(SETTLE)
    return {
        "cold": full[LENGTH] - empty[LENGTH],
        "changed": (again[LENGTH] - full[LENGTH]) / (again[COUNT] - full[COUNT]),
        "memory": memory,
        "processor": spent,
        "after change": resident(pid) - before,
    }


def _write(root: Path, rows: object) -> None:
    """Replace the file at once."""
    aside = root / "new.json"
    aside.write_text(json.dumps(rows))
    aside.rename(root / "sd" / "pods.json")


def _until(port: int, ready: Callable[[dict[str, float]], bool]) -> dict[str, float]:
    """The job's metrics, once they are as wished."""
    limit = time.monotonic() + PATIENCE
    while time.monotonic() < limit:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
                found = {name: float(value) for name, value in _POOL.findall(answer.read().decode())}
        except OSError:
            found = {}
        if found and ready(found):
            return found
        time.sleep(0.5)
    raise TimeoutError("the targets were not taken up")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else TARGETS)
