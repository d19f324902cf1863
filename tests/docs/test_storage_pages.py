"""The how-to about stored samples does what it says: import, export, DuckDB, pandas, the library."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from narthex.cli.main import main
from narthex_plugins import tsdb

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "docs/how-to/samples"
PAGE = (ROOT / "docs/how-to/analyse-stored-samples.md").read_text(encoding="utf-8")


@pytest.fixture
def exported(tmp_path, monkeypatch, capsys):
    """The directory after the page's commands, and what the last of them printed."""
    monkeypatch.chdir(tmp_path)
    assert main(lambda: {"tsdb": tsdb}, ["tsdb", "import", str(SAMPLES / "requests.om")], scan=False) == 0
    (line,) = re.findall(r"^\$ narthex (tsdb export .*)$", PAGE, re.MULTILINE)
    capsys.readouterr()
    assert main(lambda: {"tsdb": tsdb}, [part.strip("'") for part in line.split()], scan=False) == 0
    return tmp_path, capsys.readouterr().out


def run(sample: str, cwd: Path) -> str:
    done = subprocess.run([sys.executable, SAMPLES / sample], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_export_prints_what_the_page_shows(exported):
    assert exported[1] in PAGE


def test_the_query_of_duckdb_answers_as_shown(exported):
    found = duckdb.sql((SAMPLES / "share_of_errors.sql").read_text())
    assert found.columns == ["job", "errors", "samples"]
    assert found.fetchall() == [("api", 31.0, 6), ("web", None, 3)]
    assert "│ api     │   31.0 │       6 │\n│ web     │   NULL │       3 │" in PAGE


def test_the_sample_of_pandas_sums_by_job(exported):
    lines = run("read_with_pandas.py", exported[0]).splitlines()
    assert lines[-1].split() == ["2026-01-01", "00:02:00+00:00", "251.0", "9.0"]


def test_the_sample_of_the_library_prints_rates(exported):
    out = run("query_with_narthex.py", exported[0])
    assert re.search(r'{job="web"} \[1767225660000 1767225720000\] \[0.01\d+ 0.01\d+\]', out)
    assert re.search(r"^api +1.258\d*$", out, re.MULTILINE)
