"""Blocks that Debian's promtool and Prometheus wrote: every sample is there, to the bit."""

from __future__ import annotations

import json
import math
import random
import struct
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from tests.e2e.servers import fetch, free_port, get, program, serving, until
from tests.plugins.prometheus_blocks.protobuf import CONTENT_TYPE, gauge, histogram

from narthex.model.histogram import same
from narthex.model.histogram.bounds import bucket_table
from narthex.model.number import format_value
from narthex.model.sample import NORMAL_NAN, is_stale
from narthex_plugins.prometheus_blocks import HeadHistograms, HeadReader, PrometheusBlock, block_directories

pytestmark = pytest.mark.server

START = 1_700_006_400_000


def made_up_samples(random_source: random.Random, series: int) -> list[tuple[int, float]]:
    """Regular and irregular times, values of every kind."""
    time, value, samples = START + random_source.randrange(60_000), 0.0, []
    for at in range((1, 2, 119, 121, 700)[series % 5]):
        time += random_source.choice((15_000, 15_000, 15_001, 1, 100_000)) if series % 2 else 15_000
        match series % 6:
            case 0:
                value += random_source.randrange(1000)
            case 1:
                value = random_source.random()
            case 2:
                value = struct.unpack("<d", random_source.randbytes(8))[0]
            case 3:
                value = random_source.choice((math.inf, -math.inf, math.nan, 0.0, -0.0, 5e-324))
            case 4:
                value = float(at // 50)
            case _:
                value = random_source.randrange(1000) / 10
        samples.append((time, value))
    return samples


def test_every_sample_of_blocks_written_by_promtool(tmp_path):
    promtool = program("promtool")
    source = random.Random(7)
    expected = {f'ä"{series}\\': made_up_samples(source, series) for series in range(30)}
    lines = ["# TYPE m gauge"]
    for label, samples in expected.items():
        escaped = label.replace("\\", "\\\\").replace('"', '\\"')
        lines += [f'm{{s="{escaped}"}} {format_value(value)} {time / 1000:.3f}' for time, value in samples]
    (tmp_path / "m.om").write_text("\n".join([*lines, "# EOF\n"]))
    argv = [promtool, "tsdb", "create-blocks-from", "openmetrics", str(tmp_path / "m.om"), str(tmp_path / "data")]
    subprocess.run(argv, check=True, capture_output=True)

    found = {label: [] for label in expected}
    directories = block_directories(tmp_path / "data")
    for directory in directories:
        block = PrometheusBlock(directory)
        assert list(block.verify())[-1] == block.meta.series
        for samples in block.samples():
            for series, time, value in zip(samples.series, samples.times, samples.values, strict=True):
                found[samples.labels[series]["s"]].append((int(time), struct.pack("<d", value)))
    assert len(directories) > 1
    nan = struct.pack("<d", NORMAL_NAN)
    assert found == {
        label: [(time, nan if math.isnan(value) else struct.pack("<d", value)) for time, value in samples]
        for label, samples in expected.items()
    }


@contextmanager
def exposing(page):
    """An HTTP server that answers with ``page(number of the request)`` in protobuf."""
    requests = iter(range(1_000_000))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = page(next(requests))
            self.send_response(200)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request, client_address):
            pass  # a scrape that was given up

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def page(number: int) -> bytes:
    """A growing histogram that is reset and gets other buckets on the way, and a gauge."""
    grown = number % 25
    spans = [(-2, 3), (2, 1)] if number < 40 else [(-2, 4), (4, 2)]
    deltas = [1 + grown, 2, -1, 3] if number < 40 else [2 + grown, 1, -2, 4, 1, -1]
    return histogram("h", 3, grown, number * 1.5, spans, deltas) + gauge("g", number / 7)


def test_a_running_servers_snapshot_holds_what_its_api_says(tmp_path):
    prometheus = program("prometheus")
    with exposing(page) as target:
        config = {
            "global": {"scrape_interval": "100ms", "scrape_timeout": "100ms"},
            "scrape_configs": [{"job_name": "j", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}],
        }
        (tmp_path / "prometheus.yml").write_text(json.dumps(config))
        port = free_port()
        argv = [
            prometheus, "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.enable-admin-api",
            f"--web.listen-address=127.0.0.1:{port}", "--enable-feature=native-histograms",
        ]  # fmt: skip
        with serving(argv, tmp_path / "log", port, "/-/ready") as server:
            # Of scrapes that were given up, only ``up`` has a sample.
            until("sixty scrapes", lambda: server.query("count_over_time(g[10m]) > 60"))
            name = json.loads(fetch(f"{server.url}/api/v1/admin/tsdb/snapshot", "POST"))["data"]["name"]
            says = get(f"{server.url}/api/v1/query", query='{job="j"}[10m]')["data"]["result"]

    (directory,) = block_directories(tmp_path / "data/snapshots" / name)
    floats, histograms = {}, {}
    for samples in PrometheusBlock(directory).samples():
        ended = is_stale(samples.values)  # a scrape that took too long on a busy machine; the API does not show these
        for series, time, value in zip(
            samples.series[~ended], samples.times[~ended], samples.values[~ended], strict=True
        ):
            floats.setdefault(dict(samples.labels[series])["__name__"], {})[int(time)] = format_value(value)
        found = zip(samples.histogram_times.tolist(), samples.histograms, strict=True)
        histograms.update({time: value for time, value in found if not value.stale})
    assert len(floats["g"]) > 60
    assert len(histograms) > 60
    for one in says:
        known = floats.get(one["metric"]["__name__"])
        for time, value in one.get("values", ()):
            assert known.get(round(time * 1000), value) == value  # the API may know scrapes after the snapshot
    told = next(one["histograms"] for one in says if "histograms" in one)
    compared = 0
    for time, value in told:
        if (got := histograms.get(round(time * 1000))) is not None:
            compared += 1
            assert (format_value(got.count), format_value(got.sum)) == (value["count"], value["sum"])
            table = bucket_table(got)
            assert [format_value(count) for count in table.counts] == [row[3] for row in value["buckets"]]
            np.testing.assert_allclose(table.upper, [float(row[2]) for row in value["buckets"]], rtol=1e-15)
    assert compared == len(histograms)

    # The server has stopped; its log holds all of that, and what came after the snapshot.
    head = HeadReader(tmp_path / "data")
    logged, logged_histograms = {}, {}
    for _, batch in head.batches():
        if isinstance(batch, HeadHistograms):
            logged_histograms.update(zip(batch.times, batch.values, strict=True))
        else:
            for series, time, value in zip(batch.series, batch.times, batch.values, strict=True):
                logged.setdefault(head.labels[series]["__name__"], {})[int(time)] = format_value(value)
    for name, samples in floats.items():
        assert samples.items() <= logged[name].items()
    for time, value in histograms.items():
        assert same(logged_histograms[time].with_hint(value.hint), value)
