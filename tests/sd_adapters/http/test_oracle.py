"""Narthex and Prometheus on the same server: every discovered label, as both target APIs show it."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from tests.e2e.servers import Server, free_port, get, narthex, program, serving, until

pytestmark = pytest.mark.server

GROUPS = [
    {"targets": ["127.0.0.1:1", "127.0.0.1:2"], "labels": {"team": "infra", "__meta_rack": "7", "__scheme__": "https"}},
    {
        "targets": ["127.0.0.1:3"],
        "labels": {"job": "other", "instance": "named", "__metrics_path__": "/m", "empty": ""},
    },
    {"targets": ["[::1]:4"], "labels": {"__param_module": "http_2xx", "size": "größer"}},
    {"targets": [], "labels": {"team": "nobody"}},
    {"targets": ["127.0.0.1:5"]},
]
NEWER = {
    "__always_scrape_classic_histograms__",
    "__convert_classic_histograms_to_nhcb__",
    "__scrape_native_histograms__",
}
"""Labels of Prometheus 3 that Debian's 2.42 does not know."""


class Inventory(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps(GROUPS).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base class calls it so
        del format, args


@pytest.fixture
def inventory() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Inventory) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/targets"
        server.shutdown()
        thread.join()


def discovered(server: Server) -> list[list[tuple[str, str]]]:
    targets = get(f"{server.url}/api/v1/targets", state="active")["data"]["activeTargets"]
    return sorted(
        sorted((name, value) for name, value in one["discoveredLabels"].items() if name not in NEWER) for one in targets
    )


def test_every_discovered_label_is_prometheuss(tmp_path, inventory):
    binary, ports = program("prometheus"), (free_port(), free_port())
    config = tmp_path / "prometheus.yml"
    config.write_text(f"""
scrape_configs:
  - job_name: fleet
    http_sd_configs: [{{url: "{inventory}"}}]
""")
    flags = [f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'oracle'}"]
    argv = [binary, *flags, f"--web.listen-address=127.0.0.1:{ports[0]}"]
    ours = narthex(config, tmp_path / "data", ports[1])
    try:
        with serving(argv, tmp_path / "oracle.log", ports[0], "/-/ready") as oracle:
            ours.wait_for("/-/ready")
            for server in (oracle, ours):
                until("all targets", lambda server=server: len(discovered(server)) == 5)
            assert discovered(ours) == discovered(oracle)
    finally:
        ours.stop()
