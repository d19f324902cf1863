from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from narthex.discovery.gate import HeldUpdate, RestoredGroups
from narthex.discovery.state import DiscovererStatus, State
from narthex.explain.why import JobEvidence, Question, why_target
from narthex.model.targetgroup import SourcedGroup, TargetGroup
from narthex.relabel.rules import compile_rules
from narthex.scrape.status import TargetStatus
from narthex.targets import targets

CONFIG = """
scrape_configs:
- job_name: node
  relabel_configs:
  - {source_labels: [env], regex: test, action: drop}
  - {source_labels: [env], target_label: tier}
"""


@pytest.fixture
def server(monkeypatch, config, catalog):
    """A server that answers as the API does, for two targets, one of them dropped."""
    monkeypatch.setenv("no_proxy", "*")
    (job,) = config(CONFIG).scrape_configs
    rules = compile_rules(job.relabel_configs, catalog)
    groups = [
        SourcedGroup("file/0", TargetGroup("a.json:0", ({"__address__": "h:1"},), {"env": "prod"})),
        SourcedGroup("file/0", TargetGroup("a.json:1", ({"__address__": "i:1"},), {"env": "test"})),
    ]
    scrapes = [TargetStatus(one, "down", "connection refused", 90_000) for one in targets(job, groups, rules).active]
    discoverers = [
        DiscovererStatus("file/0", "file", ("node",), None, State.OK, "", 70.0, 0, {}, 2, 2),
        DiscovererStatus("dns/1", "dns", ("node",), None, State.RETRYING, "SERVFAIL", None, 1, {"raised": 1}, 0, 0),
    ]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            form = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            evidence = [JobEvidence(job, rules, groups, scrapes)]
            held = [HeldUpdate("node", "dns/1", "dns", "too few", 100.0, 400.0, 9, 1, 8)]
            restored = [RestoredGroups("node", "dns/1", "dns", 70.0, 9)]
            question = Question.parse(form["target"])
            answer = why_target(question, evidence, discoverers, held, restored).as_json(now=130.0)
            body = json.dumps({"status": "success", "data": answer}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_scraped_target_is_told_with_ages_and_the_rules_that_changed_it(narthex, server):
    outcome = narthex("why", "target", "h:1", "--url", server)
    assert outcome.status == 0
    assert outcome.out == (
        "h:1: active\n"
        "active in job node\n"
        "  discovered by file/0 in a.json:0, which answered 1m ago\n"
        '  http://h:1/metrics  {env="prod", instance="h:1", job="node", tier="prod"}\n'
        "  down, last scraped 40s ago\n"
        "    connection refused\n"
        "  relabel_configs[1] replace\n"
        '    + tier="prod"\n'
    )


def test_a_dropped_target_names_the_rule_and_fails(narthex, server):
    outcome = narthex("why", "target", "env=test", "--url", server)
    assert outcome.status == 1
    assert "dropped in job node: dropped by relabel_configs[0]\n" in outcome.out
    assert outcome.out.endswith("  relabel_configs[0] drop\n    dropped\n")


def test_a_target_nobody_found_tells_who_was_asked(narthex, server):
    outcome = narthex("why", "target", "h:2", "--url", server)
    assert outcome.status == 1
    assert outcome.out == (
        "h:2: not discovered\n"
        "An update of dns/1 for job node is held since 30s:\n"
        "  too few; 8 targets are in force only because of that\n"
        "9 targets of dns/1 for job node are from disk, confirmed 1m ago\n"
        "Asked were\n"
        "  file/0 (ok) for node: 2 targets in 2 groups, answered 1m ago\n"
        "  dns/1 (retrying) for node: 0 targets in 0 groups, has not answered yet\n    SERVFAIL\n"
        "Similar addresses: h:1\n"
    )


def test_json_is_the_answer_as_it_came(narthex, server):
    assert json.loads(narthex("why", "target", "h:1", "--url", server, "--json").out)["state"] == "active"
