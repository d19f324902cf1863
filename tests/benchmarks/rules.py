"""What 1,000 recording rules over 200,000 series cost: Narthex and Debian's Prometheus, one after the other.

200 targets of 1,000 series are scraped every five seconds, for half a minute without rules. Then a group of 1,000 rules
that is evaluated every twenty seconds comes in by a reload: ``sum by`` of the 4,000 series of one metric, or of a part
of them, in five groupings; each series is summed twenty times. The processor time of an evaluation is what the server
takes more than before. Takes five minutes; skips where ``prometheus`` is not installed.
"""

# ruff: noqa: T201 -- printing is what it is for

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.benchmarks.side_by_side import SERIES, configure, processor
from tests.e2e.servers import fetch, free_port

FAMILIES = SERIES // 20
GROUPINGS = ("queue", "zone", "instance", "kind", "queue, zone")
SELECTORS = ("", '{queue=~"1.*"}', '{zone="z1"}', '{kind="worker"}')
INTERVAL, WARM, PLAIN, SETTLE, MEASURE = 20, 20, 30, 30, 80


def main() -> None:
    """Measure both and print a table with ratios."""
    prometheus = shutil.which("prometheus")
    if prometheus is None:
        print("skipped: prometheus is not installed (Debian package prometheus)")
        return
    narthex = [sys.executable, "-c", "from narthex_plugins.standard import main; raise SystemExit(main())", "run"]
    with tempfile.TemporaryDirectory() as folder:
        fleet_port = free_port()
        config = configure(Path(folder), fleet_port, "5s", f"rule_files: ['{folder}/rules*.yml']\n")
        program = [sys.executable, str(Path(__file__).with_name("_fleet.py")), str(fleet_port), str(SERIES)]
        fleet = subprocess.Popen(program)
        try:
            theirs, ours = (
                _measure(command, config, Path(folder, name))
                for name, command in (("theirs", [prometheus]), ("ours", narthex))
            )
        finally:
            fleet.terminate()
            fleet.wait()
    print(f"{'':32}{'prometheus':>12}{'narthex':>12}{'ratio':>8}")
    for name, value in theirs.items():
        print(f"{name:32}{value:12.2f}{ours[name]:12.2f}{ours[name] / value:8.2f}")


def _rules() -> str:
    lines = [f"groups:\n- name: sums\n  interval: {INTERVAL}s\n  rules:"]
    for family in range(FAMILIES):
        for number, (by, selector) in enumerate((by, one) for by in GROUPINGS for one in SELECTORS):
            metric = f"fleet_events_{family}_total{selector}"
            lines.append(f"  - record: sum:{family}:{number}\n    expr: 'sum by ({by}) ({metric})'")
    return "\n".join(lines) + "\n"


def _measure(command: Sequence[str], config: Path, data: Path) -> Mapping[str, float]:
    port = free_port()
    flags = [f"--config.file={config}", f"--storage.tsdb.path={data}", f"--web.listen-address=127.0.0.1:{port}"]
    rules = config.with_name("rules.yml")
    with (data.with_suffix(".log")).open("wb") as log:
        server = subprocess.Popen([*command, *flags], stdout=log, stderr=log)
        try:
            time.sleep(WARM)
            idle = _used(server.pid, PLAIN) / PLAIN
            rules.write_text(_rules())
            server.send_signal(signal.SIGHUP)
            time.sleep(SETTLE)
            evaluated = _metric(port, "rule_evaluations_total")
            busy = _used(server.pid, MEASURE) - idle * MEASURE
            # A server that cannot keep up leaves evaluations out.
            return {
                "processor, ms a rule": busy / (_metric(port, "rule_evaluations_total") - evaluated) * 1000,
                "evaluation of all, s": _metric(port, "rule_group_last_duration_seconds"),
            }
        finally:
            rules.unlink(missing_ok=True)
            server.send_signal(signal.SIGTERM)
            server.wait(60)


def _used(pid: int, seconds: float) -> float:
    """Processor seconds in so many seconds from now."""
    began = processor(pid)
    time.sleep(seconds)
    return processor(pid) - began


def _metric(port: int, name: str) -> float:
    """The sum of a metric of the server's own over its labels."""
    text = fetch(f"http://127.0.0.1:{port}/metrics").decode()
    return sum(float(one) for one in re.findall(rf"^prometheus_{name}(?:{{.*}})? (.*)$", text, re.MULTILINE))


if __name__ == "__main__":
    main()
