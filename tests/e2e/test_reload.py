"""Reload, stop and refused starts of a real process: what changes, and what must not."""

from __future__ import annotations

import json
import signal
import textwrap
import threading
import urllib.error
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.servers import Server, fetch, free_port, get, narthex, until
from tests.waiting import PATIENCE

RULES = """
groups:
  - name: watch
    interval: 1s
    rules:
      - alert: {name}
        expr: vector(1)
        for: {hold}
        labels: {{severity: {severity}}}
"""


class Site:
    """A configuration directory and the process that reads it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.port = free_port()
        self.config = root / "prometheus.yml"
        self.jobs = [self.job("self")]
        self.extra = ""
        self.rules()
        self.write()

    def job(self, name: str, more: str = "") -> str:
        return f"  - job_name: {name}\n    static_configs: [{{targets: ['127.0.0.1:{self.port}']}}]\n{more}"

    def rules(self, name: str = "Always", hold: str = "1h", severity: str = "page") -> None:
        (self.root / "rules.yml").write_text(RULES.format(name=name, hold=hold, severity=severity))

    def write(self) -> None:
        head = "global: {scrape_interval: 1s}\nrule_files: [rules.yml]\n"
        self.config.write_text(f"{head}{self.extra}\nscrape_configs:\n" + "".join(self.jobs))

    def start(self, *flags: str) -> Server:
        return narthex(self.config, self.root / "data", self.port, *flags)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def server(site: Site) -> Iterator[Server]:
    server = site.start().wait_for("/-/ready")
    yield server
    server.stop(signal.SIGKILL)


def post(server: Server, path: str = "/-/reload") -> tuple[int, str]:
    try:
        return 200, fetch(server.url + path, "POST").decode()
    except urllib.error.HTTPError as error:
        return error.code, ""


def runtime(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = get(f"{server.url}/api/v1/status/runtimeinfo")["data"]
    return found


def metric(server: Server, name: str) -> float:
    lines = fetch(f"{server.url}/metrics").decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


def pools(server: Server) -> set[str]:
    return set(get(f"{server.url}/api/v1/scrape_pools")["data"]["scrapePools"])


def alert(server: Server) -> dict[str, Any]:
    (group,) = get(f"{server.url}/api/v1/rules")["data"]["groups"]
    (rule,) = group["rules"]
    assert isinstance(rule, dict)
    return rule


def times(server: Server, job: str) -> list[float]:
    (series,) = server.query(f'up{{job="{job}"}}[1h]')
    return [float(when) for when, _ in series["values"]]


@pytest.mark.parametrize("trigger", ["SIGHUP", "POST", "PUT"])
def test_a_reload_brings_new_jobs_into_force(site: Site, server: Server, trigger: str) -> None:
    before = metric(server, "prometheus_config_last_reload_success_timestamp_seconds")
    site.jobs.append(site.job("second"))
    site.write()
    if trigger == "SIGHUP":
        server.process.send_signal(signal.SIGHUP)
    else:
        fetch(f"{server.url}/-/reload", trigger)
    until("the new job's pool", lambda: pools(server) == {"self", "second"} or None)
    until("the new job is scraped", lambda: server.query('up{job="second"} == 1'))
    until(
        "the time", lambda: metric(server, "prometheus_config_last_reload_success_timestamp_seconds") > before or None
    )
    assert runtime(server)["reloadConfigSuccess"] is True


@pytest.mark.parametrize("broken", ["prometheus.yml", "rules.yml"])
def test_a_broken_file_changes_nothing_says_why_and_can_be_mended(site: Site, server: Server, broken: str) -> None:
    good = (site.root / broken).read_text()
    until("a scrape", lambda: server.query("up == 1"))
    shown = get(f"{server.url}/api/v1/status/config")
    (site.root / broken).write_text(good.replace("1s", "one second"))
    assert post(server)[0] == 500
    assert runtime(server)["reloadConfigSuccess"] is False
    assert broken in runtime(server)["reloadConfigError"]
    assert "one second" in runtime(server)["reloadConfigError"]
    assert metric(server, "prometheus_config_last_reload_successful") == 0
    assert server.log.read_text().count("Configuration reload failed") == 1
    assert get(f"{server.url}/api/v1/status/config") == shown
    last = times(server, "self")[-1]
    until("scrapes go on", lambda: times(server, "self")[-1] > last or None)

    (site.root / broken).write_text(good)
    assert post(server)[0] == 200
    assert runtime(server)["reloadConfigSuccess"] is True
    assert runtime(server)["reloadConfigError"] == ""
    assert metric(server, "prometheus_config_last_reload_successful") == 1


def phases(found: Sequence[float]) -> set[float]:
    """Where in their interval of a second scrapes took place, in ms; one that is in time is in its slot."""
    return {round(when % 1, 3) for when in found}


def in_old_slots(server: Server, before: Sequence[float]) -> bool:
    """Whether there is a later scrape in a slot of earlier ones; on a busy machine some are late, but not all are."""
    return bool(phases([when for when in times(server, "self") if when > before[-1]]) & phases(before))


# That none of them is left out and none comes twice is shown with a clock of the test's own: test_reload_gap.py.


def test_scrapes_of_an_untouched_job_go_on_in_their_slots(site: Site, server: Server) -> None:
    until("some scrapes", lambda: len(times(server, "self")) >= 3 or None)
    site.jobs.append(site.job("second", "    scrape_interval: 2s\n    scrape_timeout: 1s\n"))
    for job in ("third", "fourth"):
        site.jobs.append(site.job(job))
        site.write()
        assert post(server)[0] == 200
        (untouched,) = get(f"{server.url}/api/v1/targets", scrapePool="self")["data"]["activeTargets"]
        assert untouched["health"] != "unknown"
    before = times(server, "self")
    until("a scrape in its slot", lambda: in_old_slots(server, before))


def test_a_changed_job_keeps_its_targets_slots(site: Site, server: Server) -> None:
    until("some scrapes", lambda: len(times(server, "self")) >= 3 or None)
    before = times(server, "self")
    site.jobs = [site.job("self", "    sample_limit: 100000\n")]
    site.write()
    assert post(server)[0] == 200
    until("a scrape in its slot", lambda: in_old_slots(server, before))


def test_a_removed_job_ends(site: Site, server: Server) -> None:
    site.jobs.append(site.job("second"))
    site.write()
    assert post(server)[0] == 200
    until("the second job", lambda: server.query('up{job="second"} == 1'))
    site.jobs.pop()
    site.write()
    assert post(server)[0] == 200
    assert pools(server) == {"self"}
    until("its series end", lambda: not server.query('up{job="second"}') or None)
    until("the other job goes on", lambda: server.query('up{job="self"} == 1'))


def test_an_edited_rule_file_keeps_the_state_of_its_alerts(site: Site, server: Server) -> None:
    (before,) = until("the alert is pending", lambda: alert(server)["alerts"] or None)
    site.rules(hold="2h")
    assert post(server)[0] == 200
    until("the edit is in force", lambda: alert(server)["duration"] == 7200 or None)
    until("evaluated again", lambda: alert(server)["health"] == "ok" or None)
    (after,) = alert(server)["alerts"]
    assert (after["state"], after["activeAt"]) == ("pending", before["activeAt"])
    site.rules(hold="1s")
    assert post(server)[0] == 200
    until("it fires, its time having passed", lambda: alert(server)["state"] == "firing" or None)
    assert alert(server)["alerts"][0]["activeAt"] == before["activeAt"]


class Alertmanager:
    """Takes alerts like an Alertmanager and remembers them."""

    def __init__(self) -> None:
        received: list[dict[str, Any]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                received.extend(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.received = received
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def alertmanagers() -> Iterator[Callable[[], Alertmanager]]:
    made: list[Alertmanager] = []

    def make() -> Alertmanager:
        made.append(Alertmanager())
        return made[-1]

    yield make
    for one in made:
        one.close()


def alerting(*addresses: str) -> str:
    blocks = "".join(f"    - static_configs: [{{targets: ['{one}']}}]\n" for one in addresses)
    return f"alerting:\n  alertmanagers:\n{blocks}"


def test_a_changed_alertmanager_section_moves_the_alerts(site: Site, alertmanagers: Callable[[], Alertmanager]) -> None:
    first, second = alertmanagers(), alertmanagers()
    site.rules(hold="0s")
    site.extra = alerting(first.address)
    site.write()
    server = site.start("--rules.alert.resend-delay=1s").wait_for("/-/ready")
    try:
        until("the first Alertmanager is told", lambda: first.received)
        site.extra = alerting(second.address)
        site.write()
        assert post(server)[0] == 200
        until("the second Alertmanager is told", lambda: second.received)
        found = get(f"{server.url}/api/v1/alertmanagers")["data"]
        assert found["activeAlertmanagers"] == [{"url": f"http://{second.address}/api/v2/alerts"}]
        until("the old one's metrics are gone", lambda: first.address not in fetch(f"{server.url}/metrics").decode())
        count, seen = len(first.received), len(second.received)
        until("the new one is told again", lambda: len(second.received) > seen + 1 or None)
        assert len(first.received) == count
    finally:
        server.stop()


def test_an_edited_target_file_is_seen_without_a_reload(site: Site) -> None:
    targets = site.root / "targets.yml"
    targets.write_text("[]\n")
    site.jobs = ["  - job_name: files\n    file_sd_configs: [{files: [targets.yml]}]\n"]
    site.write()
    server = site.start().wait_for("/-/ready")

    def instances() -> set[str]:
        return {one["labels"]["instance"] for one in get(f"{server.url}/api/v1/targets")["data"]["activeTargets"]}

    try:
        here, same = f"127.0.0.1:{site.port}", f"127.0.0.2:{site.port}"
        assert instances() == set()
        targets.write_text(f"- targets: ['{here}', '{same}']\n")
        until("the targets", lambda: instances() == {here, same} or None)
        until("a scrape", lambda: server.query(f'up{{job="files", instance="{here}"}} == 1'))
        # One of two: an update that took all of them away would be held (docs/explanation/discovery-safety.md).
        targets.write_text(f"- targets: ['{here}']\n")
        until("one is gone", lambda: instances() == {here} or None)
    finally:
        server.stop()


def test_the_storage_cannot_change_by_reload(site: Site, server: Server) -> None:
    site.extra = "narthex: {storage: {tsdb: {wal_fsync: always}}}\n"
    site.write()
    assert post(server)[0] == 500
    assert "restart" in runtime(server)["reloadConfigError"]


# --- stopping and starting ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_server_in_time(server: Server, sig: signal.Signals) -> None:
    until("a scrape", lambda: server.query("up == 1"))
    server.process.send_signal(sig)
    assert server.process.wait(PATIENCE) == 0
    assert "See you next time!" in server.log.read_text()
    assert "Traceback" not in server.log.read_text()


def test_a_request_stops_the_server(server: Server) -> None:
    assert post(server, "/-/quit")[0] == 200
    assert server.process.wait(PATIENCE) == 0


def test_without_the_lifecycle_flag_requests_neither_reload_nor_stop(site: Site) -> None:
    server = site.start("--no-web.enable-lifecycle").wait_for("/-/ready")
    try:
        assert post(server)[0] == 403
        assert post(server, "/-/quit")[0] == 403
        assert server.process.poll() is None
    finally:
        server.stop()


def refused(server: Server, status: int) -> str:
    """The error line of a server that must not start."""
    assert server.process.wait(PATIENCE) == status
    server.stop()
    lines = server.log.read_text().splitlines()
    assert "Traceback" not in "".join(lines)
    return "\n".join(line for line in lines if line.startswith("Error: "))


def test_a_second_server_on_the_same_data_is_refused(site: Site, server: Server) -> None:
    other = free_port()
    second = narthex(site.config, site.root / "data", other)
    error = refused(second, 1)
    assert len(error.splitlines()) == 1
    assert str(site.root / "data") in error
    assert server.query("vector(1)")


def test_an_address_in_use_is_refused(site: Site, server: Server) -> None:
    error = refused(narthex(site.config, site.root / "other", site.port), 1)
    assert f"cannot listen on 127.0.0.1:{site.port}: " in error
    assert "in use" in error
    assert len(error.splitlines()) == 1


def test_a_broken_configuration_at_the_start_names_file_and_line(site: Site) -> None:
    site.config.write_text(
        textwrap.dedent("""\
        global:
          scrape_interval: soon
        scrape_configs:
          - job_name: a
            colour: blue
        """)
    )
    error = refused(site.start(), 2)
    assert "prometheus.yml:2:" in error
    assert "prometheus.yml:5:" in error


def test_an_unknown_flag_is_refused_with_a_suggestion(site: Site) -> None:
    server = site.start("--web.listen-adress=127.0.0.1:1")
    assert server.process.wait(PATIENCE) == 2
    server.stop()
    assert "--web.listen-address" in server.log.read_text()


def test_a_stop_during_the_start_is_obeyed(site: Site) -> None:
    server = site.start()
    until("the process logs", lambda: server.log.read_text() or None)
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(PATIENCE) in {0, -signal.SIGTERM}
    server.stop()
    assert "Traceback" not in server.log.read_text()


def test_the_path_of_the_external_url_is_served(site: Site) -> None:
    server = site.start("--web.external-url=https://example.org/metrics-of/us").wait_for("/metrics-of/us/-/ready")
    try:
        base = f"{server.url}/metrics-of/us"
        assert get(f"{base}/api/v1/query", query="vector(1)")["status"] == "success"
        assert b"Narthex" in fetch(f"{server.url}/")  # a redirect
        with pytest.raises(urllib.error.HTTPError) as caught:
            fetch(f"{server.url}/api/v1/targets")
        assert caught.value.code == 404
    finally:
        server.stop()
