"""A server that finds itself through each adapter that needs no other server, and follows changes within seconds."""

from __future__ import annotations

import http.server
import json
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from tests.e2e.servers import Server, free_port, narthex, until


class Inventory(http.server.BaseHTTPRequestHandler):
    answer = "[]"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(type(self).answer.encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base class calls it so
        del format, args


@pytest.fixture
def inventory() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Inventory) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


FOLLOW = """
import sys, time
last = None
while True:
    text = open(sys.argv[1]).read()
    if text != last:
        print(text, flush=True)
        last = text
    time.sleep(0.05)
"""


def up(server: Server) -> dict[tuple[str, str], str]:
    return {(one["metric"]["job"], one["metric"]["instance"]): one["value"][1] for one in server.query("up")}


def test_targets_of_each_adapter_are_scraped_and_follow_changes(tmp_path, inventory):
    port, nobody = free_port(), free_port()
    own, other = f"127.0.0.1:{port}", f"127.0.0.1:{nobody}"
    groups = tmp_path / "groups.json"
    groups.write_text(json.dumps([{"targets": [own]}]))
    Inventory.answer = groups.read_text()
    follow = tmp_path / "follow.py"
    follow.write_text(FOLLOW)
    config = tmp_path / "prometheus.yml"
    config.write_text(
        json.dumps(
            {
                "global": {"scrape_interval": "1s"},
                "scrape_configs": [
                    {"job_name": "http", "http_sd_configs": [{"url": inventory, "refresh_interval": "1s"}]},
                    {
                        "job_name": "run",
                        "exec_sd_configs": [{"command": ["cat", str(groups)], "refresh_interval": "1s"}],
                    },
                    {
                        "job_name": "stream",
                        "exec_sd_configs": [{"command": [sys.executable, str(follow), str(groups)], "mode": "stream"}],
                    },
                ],
            }
        )
    )
    jobs = ("http", "run", "stream")
    server = narthex(config, tmp_path / "data", port).wait_for("/-/ready")
    try:
        until("all jobs are up", lambda: up(server) == dict.fromkeys(((job, own) for job in jobs), "1"))
        (tmp_path / "new").write_text(json.dumps([{"targets": [own, other]}]))
        (tmp_path / "new").replace(groups)
        Inventory.answer = groups.read_text()
        until("the new target is scraped", lambda: all(up(server).get((job, other)) == "0" for job in jobs))
        (tmp_path / "new").write_text(json.dumps([{"targets": [own]}]))
        (tmp_path / "new").replace(groups)
        Inventory.answer = groups.read_text()
        until("it is gone again", lambda: up(server) == dict.fromkeys(((job, own) for job in jobs), "1"))
    finally:
        status = server.stop()
    assert status == 0, server.log.read_text()[-3000:]
