"""``narthex tsdb`` as a process, with what Debian's Prometheus writes: moves with history, and stops when told to."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys

import numpy as np
import pytest
from tests.e2e.servers import fetch, free_port, get, program, serving, until
from tests.waiting import PATIENCE

import narthex
from narthex.model.number import format_value

NARTHEX = [sys.executable, "-c", "from narthex_plugins.standard import main; raise SystemExit(main())"]
T0 = 1_700_006_400


def run(*arguments, cwd) -> str:
    done = subprocess.run(
        [*NARTHEX, "tsdb", *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def some(answer, count):
    """An answer of so many samples, or nothing."""
    return answer if len(answer.times) >= count else None


@pytest.mark.server
def test_every_sample_of_promtools_blocks_is_there_after_an_import_and_comes_back_through_an_export(tmp_path):
    promtool = program("promtool")
    source = np.random.default_rng(3)
    wanted: dict[str, dict[int, bytes]] = {}
    lines = []
    for series in range(20):
        times = (T0 + np.cumsum(source.choice([15, 15, 15, 16, 300], 400))).tolist()
        values = source.choice([source.random(400) * 100, source.integers(0, 9, 400).astype(float)]).tolist()
        wanted[str(series)] = {1000 * time: struct.pack("<d", value) for time, value in zip(times, values, strict=True)}
        lines += [f'm{{s="{series}"}} {format_value(v)} {t}' for t, v in zip(times, values, strict=True)]
    (tmp_path / "m.om").write_text("\n".join([*lines, "# EOF\n"]))
    subprocess.run([promtool, "tsdb", "create-blocks-from", "openmetrics", "m.om", "theirs"], cwd=tmp_path, check=True,
                   capture_output=True)  # fmt: skip

    assert "8000 samples" in run("import", "--into", "data", "theirs", cwd=tmp_path)
    run("export", "data", "-o", "again.om", cwd=tmp_path)
    run("import", "--into", "other", "again.om", cwd=tmp_path)
    assert run("verify", "data", cwd=tmp_path).endswith(" 0 damaged\n")
    for directory in ("data", "other"):
        with narthex.open(tmp_path / directory) as database:
            found = {
                labels["s"]: {t: struct.pack("<d", v) for t, v in zip(times.tolist(), values.tolist(), strict=True)}
                for labels, times, values in database.samples("m")
            }
        assert found == wanted


@pytest.mark.server
def test_a_snapshot_of_a_running_prometheus_answers_as_it_did(tmp_path):
    prometheus = program("prometheus")
    port = free_port()
    scrape = {"job_name": "self", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
    config = {"global": {"scrape_interval": "500ms", "scrape_timeout": "500ms"}, "scrape_configs": [scrape]}
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))
    argv = [
        prometheus, "--config.file=prometheus.yml", "--storage.tsdb.path=theirs", "--web.enable-admin-api",
        f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    queries = ['{__name__=~"go_.*|prometheus_http_.*"}', "avg_over_time(go_memstats_alloc_bytes[3s])"]
    with serving(argv, tmp_path / "log", port, "/-/ready") as server:
        until(
            "ten scrapes, the last of them good",
            lambda: server.query("up and count_over_time(up[1h]) > 10 and min_over_time(up[4s]) == 1"),
        )
        name = json.loads(fetch(f"{server.url}/api/v1/admin/tsdb/snapshot", "POST"))["data"]["name"]
        run("import", "--into", "data", f"theirs/snapshots/{name}", cwd=tmp_path)
        with narthex.open(tmp_path / "data") as database:
            # Between two scrapes: 2.42 still counts a sample at the very beginning of a range.
            at = (database.stats().max_time - 1250) / 1000
            answers = [database.query(query, at) for query in queries]
            for query, answer in zip(queries, answers, strict=True):
                says = get(f"{server.url}/api/v1/query", query=query, time=str(at))["data"]["result"]
                theirs = {json.dumps(one["metric"], sort_keys=True): float(one["value"][1]) for one in says}
                ours = {json.dumps(dict(labels), sort_keys=True): values[0] for labels, _, values in answer}
                assert ours.keys() == theirs.keys()
                np.testing.assert_allclose([ours[one] for one in theirs], list(theirs.values()), rtol=1e-12)
    assert len(answers[0]) > 50

    # It has stopped now: its directory has no block, and a log with everything.
    run("import", "--into", "all", "theirs", cwd=tmp_path)
    with narthex.open(tmp_path / "all") as database, narthex.open(tmp_path / "data") as before:
        for selector in ("go_goroutines", "up"):
            kept = before.samples(selector).times.tolist()
            assert database.samples(selector).times.tolist()[: len(kept)] == kept


def test_a_directory_is_read_and_copied_but_not_written_to_while_a_server_runs_on_it(tmp_path):
    port = free_port()
    scrape = {"job_name": "self", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
    config = {"global": {"scrape_interval": "100ms", "scrape_timeout": "100ms"}, "scrape_configs": [scrape]}
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))
    (tmp_path / "one.om").write_text("x 1 1\n# EOF\n")
    argv = [*NARTHEX, "run", "--config.file=prometheus.yml", "--storage.tsdb.path=data",
            f"--web.listen-address=127.0.0.1:{port}"]  # fmt: skip
    with serving(argv, tmp_path / "log", port, "/-/ready") as server:
        until("ten scrapes", lambda: float(server.query("count_over_time(up[1h])")[0]["value"][1]) > 10)
        with narthex.open(tmp_path / "data") as database:
            seen = until("five of them are in files", lambda: some(database.samples("up"), 5))
            says = get(f"{server.url}/api/v1/query", query="up[1h]")["data"]["result"][0]["values"]
            theirs = {round(float(time) * 1000): float(value) for time, value in says}
            assert all(theirs[t] == v for t, v in zip(seen.times.tolist(), seen.values.tolist(), strict=True))
        run("snapshot", "data", "copy", cwd=tmp_path)
        refused = subprocess.run(
            [*NARTHEX, "tsdb", "import", "one.om"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert refused.returncode == 1
        assert "data is in use by another server (process" in refused.stderr
    with narthex.open(tmp_path / "copy") as database:
        assert set(seen.times.tolist()) <= set(database.samples("up").times.tolist())
    assert run("import", "one.om", cwd=tmp_path) == "one.om: 1 samples, 1 blocks\n"


def test_ctrl_c_leaves_the_directory_as_it_was_and_the_next_run_is_complete(tmp_path):
    lines = [f'm{{s="{series}"}} {at} {T0 + 15 * at}\n' for series in range(300) for at in range(2000)]
    big = tmp_path / "big.om"
    os.mkfifo(big)  # the import waits for the rest of it, so it cannot be done before it is interrupted
    process = subprocess.Popen([*NARTHEX, "tsdb", "import", "big.om"], cwd=tmp_path, stderr=subprocess.PIPE)
    writing = until("the import reads", lambda: os.open(big, os.O_WRONLY | os.O_NONBLOCK))
    os.set_blocking(writing, True)
    with open(writing, "w") as pipe:  # noqa: PTH123 -- a descriptor, not a path
        pipe.writelines(lines[: len(lines) // 4])
        pipe.flush()
        until("the import is under way", (tmp_path / "data/import.tmp").exists)
        process.send_signal(signal.SIGINT)
        errors = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == 130, errors
    assert b"Traceback" not in errors
    left = {path.name for path in (tmp_path / "data").rglob("*") if path.is_file()}
    assert left == set()
    big.unlink()
    big.write_text("".join([*lines, "# EOF\n"]))
    assert run("import", "big.om", cwd=tmp_path) == "big.om: 600000 samples, 5 blocks\n"
    assert run("verify", cwd=tmp_path) == "5 verified, 0 damaged\n"
