"""A whole server on the storage kind ``memory``: it scrapes, evaluates, answers, and keeps nothing."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.servers import free_port, get, narthex, until

CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
narthex: {{storage: {{memory: {{retention: 1h}}}}}}
scrape_configs:
  - job_name: self
    static_configs: [{{targets: ['127.0.0.1:{port}']}}]
"""
RULES = "groups: [{name: g, rules: [{record: instances, expr: count(up)}, {alert: Up, expr: up == 1}]}]\n"


def test_a_server_runs_on_memory_and_writes_no_samples(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "prometheus.yml").write_text(CONFIG.format(port=port))
    (tmp_path / "rules.yml").write_text(RULES)
    server = narthex(tmp_path / "prometheus.yml", tmp_path / "data", port).wait_for("/-/ready")
    try:
        until("a scraped sample", lambda: server.query("up == 1"))
        until("a recorded sample", lambda: server.query("instances == 1"))
        until("an alert", lambda: server.query('ALERTS{alertname="Up", alertstate="firing"}'))
        until("a rate over several scrapes", lambda: server.query("rate(process_cpu_seconds_total[1m]) >= 0"))
        assert get(f"{server.url}/api/v1/label/job/values")["data"] == ["self"]
        assert get(f"{server.url}/api/v1/status/tsdb")["data"]["headStats"]["numSeries"] > 10
        assert get(f"{server.url}/api/v1/status/runtimeinfo")["data"]["storageRetention"] == "1h"
    finally:
        status = server.stop()
    assert status == 0, server.log.read_text()
    # What discovery keeps over a restart is another matter; of samples there is no trace.
    assert {one.name for one in tmp_path.glob("data/*")} <= {"discovery"}
