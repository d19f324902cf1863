"""From 100,000 discovered targets to final ones: the cost per target, cold and after a change.

``python -m tests.benchmarks targets``. The job is one as Kubernetes' users have it: ten rules that keep, drop, replace
from one and two labels, and map names. This is the pure function with its memo alone; ``live_targets`` measures whole
servers, Prometheus's among them. Seconds are of this thread's processor time, the best of a few, with the garbage
collector set as the server sets it.
"""

# ruff: noqa: T201 -- printing is what it is for

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from narthex.clock import SystemClock
from narthex.config.relabel import ActionName, RelabelConfig
from narthex.config.scrape import ScrapeConfig
from narthex.config.types import Count, Duration
from narthex.discovery.checks import checked
from narthex.discovery.ledger import Ledger
from narthex.model.targetgroup import SourcedGroup, TargetGroup
from narthex.plugins.catalog import Catalog, Contribution, Origin
from narthex.relabel.rules import Rules, compile_rules
from narthex.server.process import GARBAGE_THRESHOLDS
from narthex.targets import TargetMemo
from narthex_plugins.relabel_actions import ACTIONS

TARGETS, CHANGED, ROUNDS = 100_000, 0.01, 3
POD = "__meta_kubernetes_pod_"
RULES: tuple[dict[str, Any], ...] = (
    {"source_labels": [f"{POD}annotation_prometheus_io_scrape"], "regex": "true", "action": "keep"},
    {"source_labels": [f"{POD}phase"], "regex": "Pending|Succeeded|Failed|Completed", "action": "drop"},
    {
        "source_labels": [f"{POD}annotation_prometheus_io_scheme"],
        "regex": "(https?)",
        "target_label": "__scheme__",
    },
    {"source_labels": [f"{POD}annotation_prometheus_io_path"], "regex": "(.+)", "target_label": "__metrics_path__"},
    {
        "source_labels": ["__address__", f"{POD}annotation_prometheus_io_port"],
        "regex": r"([^:]+)(?::\d+)?;(\d+)",
        "replacement": "$1:$2",
        "target_label": "__address__",
    },
    {"regex": f"{POD}label_(.+)", "action": "labelmap"},
    {"source_labels": ["__meta_kubernetes_namespace"], "target_label": "namespace"},
    {"source_labels": [f"{POD}name"], "target_label": "pod"},
    {
        "source_labels": ["__meta_kubernetes_namespace", f"{POD}container_name"],
        "separator": "/",
        "target_label": "container",
    },
    {"source_labels": [f"{POD}node_name"], "target_label": "node"},
)


def pod(number: int, version: int = 0) -> dict[str, str]:
    """The labels of one pod, as the Kubernetes discovery gives them."""
    app, namespace = f"app-{number % 300}", f"team-{number % 40}"
    return {
        "__meta_kubernetes_namespace": namespace,
        f"{POD}name": f"{app}-{number:06x}",
        f"{POD}ip": address(number).removesuffix(":8080"),
        f"{POD}container_name": "main",
        f"{POD}container_image": f"registry.example/{namespace}/{app}:1.{version}",
        f"{POD}container_port_name": "http-metrics",
        f"{POD}container_port_number": "8080",
        f"{POD}container_port_protocol": "TCP",
        f"{POD}ready": "true",
        f"{POD}phase": "Running",
        f"{POD}node_name": f"node-{number % 1000}",
        f"{POD}host_ip": f"10.255.{number % 1000 >> 8}.{number % 1000 & 255}",
        f"{POD}uid": f"{number:08x}-0000-4000-8000-{number:012x}",
        f"{POD}controller_kind": "ReplicaSet",
        f"{POD}controller_name": f"{app}-rs",
        f"{POD}label_app": app,
        f"{POD}labelpresent_app": "true",
        f"{POD}label_version": f"1.{version}",
        f"{POD}labelpresent_version": "true",
        f"{POD}annotation_prometheus_io_scrape": "true",
        f"{POD}annotationpresent_prometheus_io_scrape": "true",
        f"{POD}annotation_prometheus_io_port": "9102",
        f"{POD}annotation_prometheus_io_path": "/metrics",
    }


def address(number: int) -> str:
    """The address of a pod: of loopback, because Prometheus begins to scrape."""
    return f"127.{1 + (number >> 16)}.{(number >> 8) & 255}.{number & 255}:8080"


def group_per_pod(count: int, changed: range = range(0)) -> list[TargetGroup]:
    """As Kubernetes discovery publishes: a group for each pod."""
    return [TargetGroup(f"pod/{i}", ({"__address__": address(i)},), pod(i, int(i in changed))) for i in range(count)]


def one_group(count: int, changed: range = range(0)) -> list[TargetGroup]:
    """As EC2, DNS or HTTP discovery publishes: one group, the labels with the targets."""
    own = tuple({"__address__": address(i), **pod(i, int(i in changed))} for i in range(count))
    return [TargetGroup("region", own)]


LAYOUTS = {"a group per target": group_per_pod, "one group": one_group}


def compiled() -> Rules:
    """The rules, compiled anew, so that nothing is remembered."""
    catalog = Catalog(relabel={one.name: Contribution(one, Origin("relabel", "narthex", "0")) for one in ACTIONS})
    configs = [
        RelabelConfig(
            tuple(one.get("source_labels", ())),
            one.get("separator", ";"),
            one.get("regex"),
            Count(0),
            one.get("target_label", ""),
            one.get("replacement", "$1"),
            ActionName(one.get("action", "replace")),
        )
        for one in RULES
    ]
    return compile_rules(configs, catalog)


JOB = ScrapeConfig("pods", Duration(86_400_000), Duration(10_000))


def sourced(ledger: Ledger, known: dict[int, SourcedGroup]) -> list[SourcedGroup]:
    """The groups of a ledger as a gate hands them on: the same object as long as a group is the same."""
    groups = [known.get(id(one)) or SourcedGroup("bench/0", one) for one in ledger.groups()]
    known.clear()
    known.update((id(one.group), one) for one in groups)
    return groups


class Supply:
    """What stands between a discoverer and the targets: checks and ledger."""

    def __init__(self) -> None:
        self._ledger = Ledger(SystemClock(), lambda: None)
        self._run = self._ledger.begin()
        self._known: dict[int, SourcedGroup] = {}

    def publish(self, groups: Sequence[TargetGroup]) -> list[SourcedGroup]:
        """The groups in force after an update."""
        self._ledger.publish(self._run, checked(groups))
        return sourced(self._ledger, self._known)


def timed(function: Callable[..., Any], *args: Any) -> tuple[Any, float]:
    """The result and the seconds."""
    gc.collect()
    begin = time.thread_time()
    result = function(*args)
    return result, time.thread_time() - begin


def measure(layout: str, count: int) -> dict[str, float]:
    """Seconds: cold, and after a change of a hundredth; each the best of a few."""
    make = LAYOUTS[layout]
    best = {"cold": float("inf"), "changed": float("inf"), "publish": float("inf")}
    for _ in range(ROUNDS):
        supply, memo = Supply(), TargetMemo(JOB, compiled())
        groups = supply.publish(make(count))
        found, seconds = timed(memo.update, groups)
        assert len(found.active) == count
        best["cold"] = min(best["cold"], seconds)
        fresh = make(count, range(int(count * CHANGED)))
        groups, seconds = timed(supply.publish, fresh)
        best["publish"] = min(best["publish"], seconds)
        del fresh
        found, seconds = timed(memo.update, groups)
        assert len(found.active) == count
        best["changed"] = min(best["changed"], seconds)
    return best


def resident(pid: int | str = "self") -> float:
    """Resident memory in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def processor(pid: int) -> float:
    """Seconds of processor time, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Print the figures."""
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    count = int(sys.argv[1]) if sys.argv[1:] and sys.argv[1].isdecimal() else TARGETS
    print(f"{count} targets, {len(RULES)} rules")
    for layout in LAYOUTS:
        ours = measure(layout, count)
        cold, changed = ours["cold"], ours["changed"]
        print(f"{layout}:")
        print(f"  narthex     cold {cold:6.2f} s ({cold / count * 1e6:.1f} us a target)")
        share = changed / cold
        print(
            f"    1 % changed {changed:6.3f} s ({share:.3f} of cold), and {ours['publish']:.2f} s to take it in beside"
        )


if __name__ == "__main__":
    main()
