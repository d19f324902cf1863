"""The whole path on real servers: exporter, discovery, relabeling, scrape, rule, alert, Alertmanager, and back."""

from __future__ import annotations

import signal
import textwrap
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.servers import Server, free_port, get, narthex, program, serving, until

pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]


def exporter(tmp_path: Path, port: int) -> Any:
    argv = [program("prometheus-node-exporter"), f"--web.listen-address=127.0.0.1:{port}"]
    return serving(argv, tmp_path / "exporter.log", port, "/metrics")


def alertmanager(tmp_path: Path, port: int) -> Any:
    config = tmp_path / "alertmanager.yml"
    config.write_text("route: {receiver: none, group_wait: 1s}\nreceivers: [{name: none}]\n")
    argv = [
        program("prometheus-alertmanager"),
        f"--config.file={config}",
        f"--storage.path={tmp_path / 'am'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    return serving(argv, tmp_path / "alertmanager.log", port, "/-/ready")


def configure(tmp_path: Path, alertmanager_port: int) -> Path:
    (tmp_path / "rules.yml").write_text(
        textwrap.dedent("""
        groups:
          - name: availability
            interval: 1s
            rules:
              - record: job:up:sum
                expr: sum by (job) (up)
              - alert: InstanceDown
                expr: up == 0
                for: 2s
                labels: {severity: page}
                annotations: {summary: "{{ $labels.host }} is down, up is {{ $value }}"}
        """)
    )
    config = tmp_path / "prometheus.yml"
    config.write_text(
        textwrap.dedent(f"""
        global:
          scrape_interval: 1s
          external_labels: {{region: test}}
        rule_files: [rules.yml]
        alerting:
          alertmanagers:
            - static_configs: [{{targets: ["127.0.0.1:{alertmanager_port}"]}}]
        scrape_configs:
          - job_name: node
            file_sd_configs: [{{files: [targets.yml]}}]
            relabel_configs:
              - {{source_labels: [__meta_role], regex: off, action: drop}}
              - {{source_labels: [__address__], regex: "([^:]+):.*", target_label: host, replacement: "host-$1"}}
        """)
    )
    return config


def state(server: Server, name: str) -> str:
    groups = get(f"{server.url}/api/v1/rules")["data"]["groups"]
    return next((rule["state"] for group in groups for rule in group["rules"] if rule["name"] == name), "")


def active_since(server: Server) -> str:
    """Since when the alert is active, to the second."""
    (one,) = get(f"{server.url}/api/v1/alerts")["data"]["alerts"]
    since: str = one["activeAt"]
    return since[:19]


def received(port: int, **params: str) -> list[Any]:
    return [
        alert
        for alert in get(f"http://127.0.0.1:{port}/api/v2/alerts", **params)
        if alert["labels"]["alertname"] == "InstanceDown"
    ]


def test_an_alert_travels_from_a_real_exporter_to_a_real_alertmanager_and_survives_a_kill(tmp_path: Path) -> None:
    exporter_port, alertmanager_port, port = free_port(), free_port(), free_port()
    config = configure(tmp_path, alertmanager_port)
    targets = tmp_path / "targets.yml"
    targets.write_text("[]\n")
    with alertmanager(tmp_path, alertmanager_port):
        server = narthex(config, tmp_path / "data", port, "--rules.alert.for-grace-period=0s")
        try:
            server.wait_for("/-/ready")
            with exporter(tmp_path, exporter_port):
                see_the_exporter(server, targets, exporter_port)
            until("the alert is pending", lambda: state(server, "InstanceDown") == "pending" or None)
            until("the alert fires", lambda: state(server, "InstanceDown") == "firing" or None)
            alert = until("Alertmanager has the alert", lambda: received(alertmanager_port))[0]
            assert alert["labels"]["region"] == "test"
            assert alert["annotations"]["summary"] == "host-127.0.0.1 is down, up is 0"
            before = kill(server)
            server = narthex(config, tmp_path / "data", port, "--rules.alert.for-grace-period=0s")
            see_what_survived(server.wait_for("/-/ready"), before)
            with exporter(tmp_path, exporter_port):
                until("the alert is resolved here", lambda: state(server, "InstanceDown") == "inactive" or None)
                until("Alertmanager sees it resolved", lambda: not received(alertmanager_port, active="true") or None)
            assert server.stop() == 0
        finally:
            server.stop(signal.SIGKILL)


def see_the_exporter(server: Server, targets: Path, exporter_port: int) -> None:
    replacement = targets.with_suffix(".new")
    replacement.write_text(
        f'- targets: ["127.0.0.1:{exporter_port}"]\n- targets: ["127.0.0.1:1"]\n  labels: {{__meta_role: off}}\n'
    )
    replacement.rename(targets)
    until("the exporter's series", lambda: server.query(f'node_load1{{instance="127.0.0.1:{exporter_port}"}}'))
    assert until("the target is up", lambda: server.query("up == 1"))[0]["metric"]["host"] == "host-127.0.0.1"
    found = get(f"{server.url}/api/v1/targets")["data"]
    assert [target["health"] for target in found["activeTargets"]] == ["up"]
    assert found["droppedTargetCounts"] == {"node": 1}
    assert until("the recording rule", lambda: server.query("job:up:sum"))[0]["value"][1] == "1"


def kill(server: Server) -> dict[str, Any]:
    """Kill without warning, a scrape later than the window that is remembered; returns what must be there again."""
    end = server.query("up")[0]["value"][0]
    window = {"query": "up", "start": str(end - 20), "end": str(end), "step": "1"}
    until("a later scrape", lambda: float(server.query("timestamp(up)")[0]["value"][1]) > end + 4 or None)
    result = get(f"{server.url}/api/v1/query_range", **window)["data"]["result"]
    since = active_since(server)
    assert server.stop(signal.SIGKILL) == -signal.SIGKILL
    return {"window": window, "result": result, "since": since}


def see_what_survived(server: Server, before: dict[str, Any]) -> None:
    """What was written some seconds before the kill is there, and the alert goes on where it was."""
    assert get(f"{server.url}/api/v1/query_range", **before["window"])["data"]["result"] == before["result"]
    until("the alert fires again", lambda: state(server, "InstanceDown") == "firing" or None)
    assert active_since(server) == before["since"]
