"""Native histograms through a real server: scraped, stored, asked for, and still there after it was killed."""

from __future__ import annotations

import itertools
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.e2e.servers import free_port, get, narthex, until
from tests.plugins.exposition.protobuf_encoder import body, double, message, packed, signed, text, varint

CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: native
    scrape_native_histograms: true
    static_configs: [{{targets: ['127.0.0.1:{0}']}}]
  - job_name: converted
    convert_classic_histograms_to_nhcb: true
    scrape_protocols: [OpenMetricsText1.0.0]
    static_configs: [{{targets: ['127.0.0.1:{0}']}}]
"""
PROTOBUF = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
STARTED = 1_600_000_000


class Exporter(BaseHTTPRequestHandler):
    """Counts ten observations more at every scrape, in the format that is asked for first."""

    counts = itertools.count(10, 10)

    def do_GET(self) -> None:
        native = self.headers["Accept"].startswith("application/vnd.google.protobuf")
        data, kind = (self.native(), PROTOBUF) if native else (self.classic(), "application/openmetrics-text")
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def at(self, seconds: int) -> bytes:
        return message(3, varint(1, seconds))

    def native(self) -> bytes:
        count = next(self.counts)
        histogram = (
            varint(1, count) + double(2, 1.5 * count) + signed(5, 0) + double(6, 0.001) + varint(7, count // 10)
            + message(12, signed(1, 1), varint(2, 2)) + packed(13, [count // 2, count * 4 // 10 - count // 2])
            + message(15, varint(1, STARTED))
            + message(16, message(1, text(1, "trace"), text(2, f"t{count}")), double(2, 1.5), self.at(count))
        )  # fmt: skip
        return body(text(1, "took_seconds") + text(2, "Took.") + varint(3, 4) + message(4, message(7, histogram)))

    def classic(self) -> bytes:
        count = next(self.counts)
        lines = [
            f'waited_bucket{{le="1.0"}} {count // 2}',
            f'waited_bucket{{le="+Inf"}} {count}',
            f"waited_count {count}",
        ]
        return "\n".join(["# TYPE waited histogram", *lines, f"waited_sum {count}", "# EOF\n"]).encode()

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.fixture
def exporter() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Exporter)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_histograms_from_the_scrape_to_the_answer_and_over_a_kill(tmp_path: Path, exporter: int) -> None:
    config = tmp_path / "prometheus.yml"
    config.write_text(CONFIG.format(exporter))
    flags = ("--enable-feature=st-storage,exemplar-storage,promql-experimental-functions",)
    server = narthex(config, tmp_path / "data", free_port(), *flags).wait_for("/-/ready")
    try:
        until("two scrapes", lambda: server.query("count_over_time(took_seconds[1h]) >= 2"))
        (one,) = server.query("took_seconds")
        assert one["histogram"][1]["buckets"][0][:3] == [3, "-0.001", "0.001"]
        (quantile,) = server.query("histogram_quantile(0.5, took_seconds)")
        assert 1 < float(quantile["value"][1]) <= 2
        (start,) = server.query("start_timestamp(took_seconds)")
        assert float(start["value"][1]) == STARTED
        (converted,) = until("a converted histogram", lambda: server.query('waited{job="converted"}'))
        assert [bucket[2] for bucket in converted["histogram"][1]["buckets"]] == ["1", "+Inf"]
        (found,) = get(f"{server.url}/api/v1/query_exemplars", query="took_seconds", start="0", end="9999999999")[
            "data"
        ]
        assert found["exemplars"][0]["labels"] == {"trace": f"t{round(found['exemplars'][0]['timestamp'])}"}
        until("some seconds", lambda: server.query("count_over_time(took_seconds[1h]) >= 5"))
        killed = server.query("took_seconds")[0]["histogram"][0]
    finally:
        server.stop(signal.SIGKILL)
    server = narthex(config, tmp_path / "data", free_port(), *flags).wait_for("/-/ready")
    try:
        # A second of samples is at risk, or more where the writer did not get its turn.
        (after,) = get(f"{server.url}/api/v1/query", query="count_over_time(took_seconds[1h])", time=str(killed))[
            "data"
        ]["result"]
        assert float(after["value"][1]) >= 1
    finally:
        assert server.stop() == 0
