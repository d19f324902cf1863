"""A plugin that raises, hangs, publishes rubbish, blocks its loop, exits and floods: everybody else keeps time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.servers import ROOT, Server, free_port, get, narthex, until

KINDS = ("raises", "hangs", "rubbish", "blocks", "exits", "floods")
FAILING = ("raises", "rubbish", "blocks", "exits")
MISBEHAVING = ROOT / "tests" / "e2e" / "misbehaving"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(MISBEHAVING), os.environ.get("PYTHONPATH")])))
    port = free_port()
    jobs = [f"  - job_name: {kind}\n    {kind}_sd_configs: [{{}}]\n" for kind in KINDS]
    config = tmp_path / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s}\nscrape_configs:\n"
        f"  - job_name: healthy\n    static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n" + "".join(jobs)
    )
    running = narthex(config, tmp_path / "data", port)
    try:
        yield running.wait_for("/-/ready")
    finally:
        running.stop()


def failures(server: Server) -> dict[str, Any]:
    found = get(f"{server.url}/api/v1/discovery")["data"]["discoverers"]
    return {one["kind"]: one for one in found}


def test_the_others_keep_scraping_on_time_and_the_failures_are_named(server: Server) -> None:
    until("every misbehaviour has shown", lambda: all(failures(server)[kind]["lastError"] for kind in FAILING) or None)
    # On a busy machine a slot may be missed. But again and again some follow each other, all of them good.
    until(
        "five scrapes in five slots",
        lambda: server.query(f'sum_over_time(up{{job="healthy"}}[5s] @ {newest(server)}) == 5'),
    )

    plugins = get(f"{server.url}/api/v1/status/plugins")["data"]["plugins"]
    (ours,) = [plugin for plugin in plugins if plugin["distribution"] == "narthex-misbehaving"]
    assert ours["version"] == "1.2.3"
    text = " ".join(failure["what"] for failure in ours["failures"])
    for expected in ("the inventory is on fire", "SystemExit", "blocks"):
        assert expected in text
    log = server.log.read_text()
    assert "narthex-misbehaving 1.2.3" in log
    assert log.count("the inventory is on fire") < 5  # said on the change of state, not on every restart


def test_a_stop_names_who_did_not_stop_and_ends_all_the_same(server: Server) -> None:
    until("every misbehaviour has shown", lambda: all(failures(server)[kind]["lastError"] for kind in FAILING) or None)
    assert server.stop() == 0
    assert "hangs" in server.log.read_text()


def newest(server: Server) -> str:
    return str(server.query('timestamp(up{job="healthy"})')[0]["value"][1])
