"""Asking a real process why, and comparing it with a file before the file is applied."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.servers import Server, free_port, get, narthex, program, serving, until
from tests.waiting import PATIENCE

CONFIG = """
global: {scrape_interval: 1s}
rule_files: [rules.yml]
scrape_configs:
- job_name: self
  basic_auth: {username: someone, password: geheim}
  file_sd_configs: [{files: [targets.json]}]
  relabel_configs:
  - {source_labels: [env], regex: test, action: drop}
"""
RULES = "groups: [{name: g, rules: [{alert: Down, expr: up  ==  0, for: 1m, labels: {severity: page}}]}]"


class Site:
    def __init__(self, root: Path) -> None:
        self.root, self.port = root, free_port()
        self.write("prometheus.yml", CONFIG)
        self.write("rules.yml", RULES)
        groups = [
            {"targets": [f"127.0.0.1:{self.port}"], "labels": {"env": "prod"}},
            {"targets": ["127.0.0.1:1"], "labels": {"env": "test"}},
        ]
        self.write("targets.json", json.dumps(groups))
        self.server: Server = narthex(root / "prometheus.yml", root / "data", self.port)

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.write_text(text)
        return path


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command line in a process of its own, and in a directory where no file is found by chance."""
    code = "from narthex_plugins.standard import main; raise SystemExit(main())"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd="/", timeout=PATIENCE, check=False
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("explain"))
    try:
        site.server.wait_for("/-/ready")
        until("a scrape", lambda: site.server.query("scrape_samples_post_metric_relabeling > 0"))
        yield site
    finally:
        site.server.stop()


def test_the_file_in_force_changes_nothing(site: Site) -> None:
    done = run("plan", str(site.root / "prometheus.yml"), "--against", site.server.url)
    assert (done.returncode, done.stdout, done.stderr) == (0, "No changes.\n", "")


def test_relabeling_is_planned_over_what_the_instance_has_discovered(site: Site) -> None:
    new = CONFIG.replace("regex: test, action: drop", "target_label: tier")
    done = run("plan", str(site.write("new.yml", new)), "--against", site.server.url, "--json")
    assert done.returncode == 2
    assert "geheim" not in done.stdout
    (job,) = json.loads(done.stdout)["jobs"]
    assert [(one["state"], one["diff"]) for one in job["targets"]] == [("relabelled", ['+ tier="prod"']), ("added", [])]
    assert job["seriesEnding"] > 50


def test_another_discovery_is_run(site: Site) -> None:
    other = '[{"targets": ["127.0.0.1:2"]}]'
    site.write("other.json", other)
    new = site.write("new.yml", CONFIG.replace("targets.json", "other.json"))
    done = run("plan", str(new), "--against", site.server.url)
    assert done.returncode == 2
    assert "+ http://127.0.0.1:2/metrics" in done.stdout
    assert f"- http://127.0.0.1:{site.port}/metrics" in done.stdout


def test_why_knows_scraped_dropped_and_unknown_targets(site: Site) -> None:
    scraped = run("why", "target", f"127.0.0.1:{site.port}", "--url", site.server.url)
    assert scraped.returncode == 0
    assert "active in job self" in scraped.stdout
    dropped = run("why", "target", "env=test", "--url", site.server.url)
    assert dropped.returncode == 1
    assert "dropped by relabel_configs[0]" in dropped.stdout
    unknown = run("why", "target", "nowhere", "--url", site.server.url)
    assert unknown.returncode == 1
    assert "file/0 (ok) for self: 2 targets in 2 groups, answered" in unknown.stdout


def test_the_api_explains_rules_and_duplicates(site: Site) -> None:
    labels = json.dumps({"__address__": "x:1", "env": "test"})
    answer = get(f"{site.server.url}/api/v1/relabel/explain", scrapePool="self", labels=labels)["data"]
    assert (answer["outcome"], answer["reason"]) == ("dropped", "dropped by relabel_configs[0]")
    assert get(f"{site.server.url}/api/v1/targets/duplicates")["data"] == {"duplicates": []}


@pytest.mark.server
def test_a_plan_can_be_made_against_prometheus(tmp_path: Path) -> None:
    site, port = tmp_path, free_port()
    (site / "prometheus.yml").write_text(CONFIG)
    (site / "rules.yml").write_text(RULES)
    groups = [{"targets": [f"127.0.0.1:{port}"], "labels": {"env": "prod"}}]
    (site / "targets.json").write_text(json.dumps(groups))
    flags = [
        f"--config.file={site / 'prometheus.yml'}",
        f"--storage.tsdb.path={site / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with serving([program("prometheus"), *flags], site / "prometheus.log", port, "/-/ready") as server:
        until("its targets", lambda: get(f"{server.url}/api/v1/targets")["data"]["activeTargets"])
        until("its rules", lambda: get(f"{server.url}/api/v1/rules")["data"]["groups"])
        same = run("plan", str(site / "prometheus.yml"), "--against", server.url)
        assert (same.returncode, same.stdout, same.stderr) == (0, "No changes.\n", "")
        (site / "new.yml").write_text(CONFIG.replace("regex: test, action: drop", "target_label: tier"))
        changed = run("plan", str(site / "new.yml"), "--against", server.url)
        assert changed.returncode == 2
        assert '      + tier="prod"\n' in changed.stdout
