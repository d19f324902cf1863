"""``narthex tsdb`` from the command line: what is printed, what is written, what the exit status says."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass

import duckdb
import numpy as np
import pytest
from tests.plugins.prometheus_blocks.encode import Shape, histogram_chunk, xor_chunk
from tests.plugins.prometheus_blocks.write import write_block
from tests.plugins.prometheus_blocks.writelog import samples_record, segment, series_record

import narthex
from narthex.cli.main import main
from narthex.model.labels import Labels
from narthex_plugins import tsdb
from narthex_plugins.tsdb.cli import group
from narthex_plugins.tsdb.transfer import backfill, importing

T0 = 1_700_006_400  # seconds; begins a block range
DUMP = "".join(f'm{{s="{s}"}} {s * at} {T0 + 60 * at}\n' for s in (1, 2) for at in range(240)) + "# EOF\n"


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch, tmp_path) -> Callable[..., Outcome]:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Outcome:
        status = main(lambda: {"tsdb": tsdb}, ["tsdb", *map(str, arguments)], scan=False)
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err)

    return run


@pytest.fixture
def data(command, tmp_path):
    (tmp_path / "dump.om").write_text(DUMP)
    assert command("import", "dump.om").status == 0
    return tmp_path / "data"


@pytest.fixture
def prometheus(tmp_path):
    samples = [(1000 * (T0 + 15 * at), float(at)) for at in range(10)]
    chunk = (1, samples[0][0], samples[-1][0], xor_chunk(samples))
    write_block(tmp_path / "prom/01A", [({"__name__": "p"}, [chunk])], times=(1000 * T0, 1000 * T0 + 7_200_000))
    return tmp_path / "prom"


@pytest.mark.parametrize("lazies", [group._COMMANDS, group._BLOCKS_FROM])
def test_the_help_line_of_a_lazy_command_is_its_own(lazies):
    for lazy in lazies.values():
        assert lazy.summary == lazy.load().get_short_help_str(limit=200)


def test_an_import_says_what_came_of_it_and_the_samples_can_be_queried(command, data):
    with narthex.open(data) as database:
        assert database.query("m", T0 + 60 * 239).values.tolist() == [239.0, 478.0]
    (data.parent / "more.om").write_text("n 1 1\n# EOF\n")
    outcome = command("create-blocks-from", "openmetrics", "more.om")
    assert (outcome.status, outcome.out) == (0, "more.om: 1 samples, 1 blocks\n")


def test_labels_may_be_set_on_every_series_and_make_equal_ones_one(command, tmp_path):
    (tmp_path / "n.om").write_text('n{a="1",s="x"} 1 1\nn{a="2",s="x"} 2 2\n# EOF\n')
    assert command("import", "--label", "a=9", "--label", "dc=é", "n.om").status == 0
    with narthex.open(tmp_path / "data") as database:
        ((labels, times, _),) = database.samples("n")
    assert (labels, len(times)) == (Labels({"__name__": "n", "a": "9", "dc": "é", "s": "x"}), 2)
    assert command("import", "--label", "a", "n.om").status == 2
    assert command("import", "--label", "__name__=b", "n.om").status == 2
    assert command("import", "--label", "a=1", ".").status == 2


def test_a_file_that_cannot_be_read_is_named_with_its_line(command, data):
    (data.parent / "bad.om").write_text("n 1\n# EOF\n")
    outcome = command("import", "bad.om")
    assert (outcome.status, outcome.err) == (1, "Error: bad.om: line 1: 'n 1' has no timestamp\n")


def test_standard_input_is_imported_too(command, monkeypatch, tmp_path):
    monkeypatch.setattr(importing.sys, "stdin", io.TextIOWrapper(io.BytesIO(b"n 1 1\n# EOF\n")))
    assert command("import", "-").out == "-: 1 samples, 1 blocks\n"


def test_a_directory_of_prometheus_is_imported_once_with_what_its_log_holds(command, prometheus, tmp_path):
    (prometheus / "wal").mkdir()
    covered, later = 1000 * T0 + 7_199_999, 1000 * T0 + 7_200_000
    records = [series_record({4: {"__name__": "p"}}), samples_record([(4, covered, 0.0), (4, later, 7.0)])]
    (prometheus / "wal/00000000").write_bytes(segment(records))
    outcome = command("import", "--into", "mine", "prom")
    assert (outcome.status, outcome.out) == (0, "prom: 11 samples, 2 blocks\n")
    assert command("import", "--into", "mine", "prom").out == "prom: 0 samples, 0 blocks (1 were there already)\n"
    with narthex.open(tmp_path / "mine") as database:
        ((_, times, values),) = database.samples("p")
        assert (len(times), times[-1], values[-1]) == (11, later, 7.0)


def test_a_listing_has_a_row_for_each_block(command, data, prometheus):
    rows = [line.split() for line in command("list").out.splitlines()]
    assert rows[0][:3] == ["NAME", "KIND", "LEVEL"]
    assert [row[:5] for row in rows[1:]] == [
        ["block-00000001.nrx", "block", "1", f"{T0}000", f"{T0 + 60 * 119}000"],
        ["block-00000002.nrx", "block", "1", f"{T0 + 7200}000", f"{T0 + 60 * 239}000"],
    ]
    assert [row[6:8] for row in rows[1:]] == [["240", "2"]] * 2
    assert "2023-11-15T00:00:00Z" in command("list", "-r").out
    (one,) = json.loads(command("list", "--json", "prom").out)
    assert (one["kind"], one["min_time"], one["series"]) == ("prometheus", 1000 * T0, 1)


def test_verifying_finds_the_damaged_file(command, data, prometheus):
    assert command("verify").out == "2 verified, 0 damaged\n"
    assert command("verify", "prom").out == "1 verified, 0 damaged\n"
    path = data / "blocks/block-00000002.nrx"
    content = bytearray(path.read_bytes())
    content[200] ^= 1
    path.write_bytes(content)
    outcome = command("verify")
    assert outcome.status == 1
    assert outcome.out.startswith(f"DAMAGED data/blocks/{path.name}: ")
    assert outcome.out.endswith("1 verified, 1 damaged\n")


def test_an_analysis_counts_labels_metrics_and_bytes(command, data):
    text = command("analyze").out
    assert "Series: 2, samples in blocks: 480\n" in text
    assert '2 __name__="m"\n1 s="1"\n1 s="2"\n' in text
    found = json.loads(command("analyze", "--json", "--match", 'm{s="2"}').out)
    assert (found["series"], found["samples"], found["blocks"]) == (1, 240, 2)
    (size,) = found["sizes"]
    assert (size["metric"], size["samples"], size["series"]) == ("m", 240, 1)
    assert 0 < size["bytes"] < 400
    assert found["churn"] == []


def test_series_that_come_and_go_are_counted_by_label(command, tmp_path):
    short = "".join(f"c {at} {T0 + 60 * at}\n" for at in range(30))
    (tmp_path / "dump.om").write_text(short + DUMP)
    command("import", "dump.om")
    assert json.loads(command("analyze", "--json").out)["churn"] == [['__name__="c"', 1]]


def test_an_export_to_text_is_imported_again(command, data, tmp_path):
    outcome = command("export", "--match", 'm{s="2"}', "--start", T0 + 60, "--end", T0 + 120)
    assert outcome.out == f'm{{s="2"}} 2 {T0 + 60}\nm{{s="2"}} 4 {T0 + 120}\n# EOF\n'
    assert outcome.err == "standard output: 2 samples\n"
    assert command("export", "-o", "again.om").out == "again.om: 480 samples\n"
    assert (tmp_path / "again.om").read_text() == DUMP


def test_an_export_to_parquet_needs_a_directory(command, data):
    assert command("export", "--format", "parquet").status == 2
    outcome = command("export", "--format", "parquet", "-o", "out")
    assert outcome.out == "out: 480 samples of 2 series\n"
    query = (
        "select s, count(*) from 'out/samples.parquet' join 'out/series.parquet' using (series) group by s order by s"
    )
    assert duckdb.sql(query).fetchall() == [("1", 240), ("2", 240)]


def test_native_histograms_that_text_cannot_hold_are_no_success(command, prometheus, tmp_path):
    rows = [(1000 * (T0 + 60 * at), 2 + at, 0, 3.0, [2 + at]) for at in range(3)]
    chunk = (2, rows[0][0], rows[-1][0], histogram_chunk(Shape(positive=[(1, 1)]), rows))
    write_block(tmp_path / "prom/02", [({"__name__": "h"}, [chunk])], times=(1000 * T0, 1000 * T0 + 7_200_000))
    command("import", "prom")
    outcome = command("export", "-o", "out.om")
    assert (outcome.status, outcome.out) == (1, "out.om: 10 samples\n")
    assert outcome.err == (
        "3 samples that are native histograms were left out: OpenMetrics text cannot hold them. "
        "To export them: --format parquet; to leave them out: --without-histograms\n"
    )
    assert len((tmp_path / "out.om").read_text().splitlines()) == 11
    meant = command("export", "-o", "out.om", "--without-histograms")
    assert (meant.status, meant.err.startswith("3 samples that are native histograms were left out")) == (0, True)
    assert command("export", "--match", "p", "-o", "out.om").status == 0
    assert command("export", "--format", "parquet", "-o", "out").out == "out: 13 samples of 2 series\n"


def test_what_is_no_selector_is_refused(command, data):
    outcome = command("export", "--match", "sum(m)")
    assert (outcome.status, "is not a selector of series" in outcome.err) == (1, True)


def test_a_snapshot_is_a_directory_of_its_own(command, data, tmp_path):
    assert command("snapshot", "data", "copy").out == "copy: 2 files\n"
    for path in (data / "blocks").iterdir():
        path.unlink()
    with narthex.open(tmp_path / "copy") as database:
        assert len(database.samples("m").times) == 480
    assert "exists already" in command("snapshot", "data", "copy").err
    assert "not a data directory" in command("snapshot", tmp_path, "other").err
    assert not (tmp_path / "other").exists()


RULES = """
groups:
  - name: g
    labels: {team: a}
    rules:
      - {record: "m:sum", expr: "sum(m)", labels: {x: y}}
      - {record: "m:half", expr: "m:sum / 2"}
      - {alert: High, expr: m > 1}
"""


def test_recording_rules_are_backfilled_in_order_and_find_each_others_results(command, data, tmp_path, monkeypatch):
    monkeypatch.setattr(backfill, "_STEPS", 7)
    (tmp_path / "rules.yml").write_text(RULES)
    outcome = command("create-blocks-from", "rules", "--start", T0 + 3600, "--end", T0 + 9000, "rules.yml")
    assert outcome.out == "2 rules: 182 samples of 2 series, 4 blocks\n"
    assert outcome.err == "1 alerting rules passed over\n"
    with narthex.open(data) as database:
        ((labels, times, values),) = database.samples("m:half")
        assert labels == Labels({"__name__": "m:half", "team": "a", "x": "y"})
        np.testing.assert_array_equal(times, 1000 * np.arange(T0 + 3600, T0 + 9001, 60))
        np.testing.assert_array_equal(values, 1.5 * np.arange(60, 151))


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        ("{record: a, expr: sum(}", "rules.yml:4:27: groups[0].rules[0].expr: could not parse expression: 1:5"),
        ("{record: a, expr: m, labels: {s: one}}", "rule a: vector contains metrics with the same labelset"),
    ],
)
def test_a_rule_that_cannot_be_evaluated_is_named_and_nothing_is_written(command, data, tmp_path, rule, complaint):
    (tmp_path / "rules.yml").write_text(f"groups:\n  - name: g\n    rules:\n      - {rule}\n")
    outcome = command("create-blocks-from", "rules", "--start", T0, "--end", T0 + 600, "rules.yml")
    assert outcome.status == 1
    assert complaint in outcome.err
    assert len(list((data / "blocks").iterdir())) == 2


def test_rules_that_give_histograms_are_backfilled_too(command, prometheus, tmp_path):
    rows = [(1000 * (T0 + 60 * at), 2 + at, 0, 3.0, [2 + at]) for at in range(3)]
    chunk = (2, rows[0][0], rows[-1][0], histogram_chunk(Shape(positive=[(1, 1)]), rows))
    write_block(tmp_path / "prom/02", [({"__name__": "h"}, [chunk])], times=(1000 * T0, 1000 * T0 + 7_200_000))
    command("import", "prom")
    (tmp_path / "rules.yml").write_text("groups: [{name: g, rules: [{record: h2, expr: h * 2}, {record: n, expr: p}]}]")
    arguments = ("--start", T0, "--end", T0 + 120, "rules.yml")
    outcome = command("create-blocks-from", "rules", *arguments)
    assert (outcome.out, outcome.err) == ("2 rules: 6 samples of 2 series, 1 blocks\n", "")
    with narthex.open(tmp_path / "data") as database:
        assert [one.count for one in database.samples("h2").histograms] == [4.0, 6.0, 8.0]
        assert len(database.samples("n").times) == 3


def test_an_end_before_the_start_is_wrong_usage(command, data, tmp_path):
    (tmp_path / "rules.yml").write_text(RULES)
    assert command("create-blocks-from", "rules", "--start", 9, "--end", 8, "rules.yml").status == 2


def test_the_results_may_go_to_another_directory(command, data, tmp_path):
    (tmp_path / "rules.yml").write_text(RULES.replace('      - {record: "m:half", expr: "m:sum / 2"}\n', ""))
    arguments = ("--start", T0, "--end", T0 + 600, "--output-dir", "other", "rules.yml")
    assert command("create-blocks-from", "rules", *arguments).status == 0
    with narthex.open(tmp_path / "other") as database:
        assert database.labels("__name__") == ["m:sum"]
