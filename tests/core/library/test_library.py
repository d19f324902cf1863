"""The library over a storage of the test's own: times, answers, tables, and how the kind is found."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

import narthex
from narthex import hookimpl
from narthex.errors import ParseError, QueryError, StorageError
from narthex.kinds import StorageKind
from narthex.library import Database
from narthex.library.moments import milliseconds, step_milliseconds
from narthex.model.histogram import Buckets, Histogram
from narthex.model.labels import Labels
from narthex.model.labeltable import LabelTable
from narthex.storage.frames import Frame, HistogramPoints, Points, Selection
from narthex.storage.protocol import StorageStats

LABELS = [
    Labels({"__name__": "a", "job": "x"}),
    Labels({"__name__": "a", "job": "y", "time": "late"}),
    Labels({"__name__": "h"}),
]
HISTOGRAM = Histogram(count=2.0, sum=3.0, positive=Buckets.run(1, [2.0]))


class Stored:
    """Two series of four samples at 10 s, and one histogram; notes what it was asked."""

    def __init__(self) -> None:
        self.asked = []
        self.closed = 0

    def select(self, matchers, start, end):
        self.asked.append((start, end))
        rows = [row for row, one in enumerate(LABELS) if all(m.matches(one.get(m.name, "")) for m in matchers)]
        table = LabelTable.of([LABELS[row] for row in rows])
        columns = np.array([row for row in rows if row < 2], dtype=np.int64)
        times = np.array([[10_000], [20_000], [30_000], [40_000]])
        matrix = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0], [4.0, 40.0]])
        frame = Frame(matrix, columns, np.arange(len(columns)), times, np.zeros(len(columns), dtype=np.int64))
        where = [rows.index(2)] if 2 in rows else []
        histograms = HistogramPoints.of(where, [40_000] * len(where), [HISTOGRAM] * len(where))
        return Selection(table, [frame], Points.none(), histograms)

    def label_names(self, matchers, start, end):
        return ["__name__", *(str(one) for each in matchers for one in each)]

    def label_values(self, name, matchers, start, end):
        return [name, str(start), str(end)]

    def series(self, matchers, start, end):
        self.asked.append((len(matchers), start, end))
        return LABELS

    def stats(self, limit):
        return StorageStats(max_time=40_000)

    def close(self):
        self.closed += 1


@pytest.fixture
def stored():
    return Stored()


@pytest.fixture
def database(stored):
    return Database(stored)


def test_a_query_is_evaluated_at_the_newest_sample_unless_a_time_is_given(database):
    assert database.query("a").values.tolist() == [4.0, 40.0]
    assert database.query("a", 25).values.tolist() == [2.0, 20.0]


def test_an_answer_goes_through_its_series(database):
    (first, times, values), second = database.query_range('a{job=~"x|y"} * 2', 10, 30, "10s")
    assert first == Labels({"job": "x"})
    assert (times.tolist(), values.tolist()) == ([10_000, 20_000, 30_000], [2.0, 4.0, 6.0])
    assert second[2].tolist() == [20.0, 40.0, 60.0]


def test_an_answer_is_a_matrix_with_nan_where_there_is_no_sample(database):
    moments, values = database.query_range("a > 15", 10, 30, 10).matrix()
    assert moments.tolist() == [20_000, 30_000]
    np.testing.assert_array_equal(values, [[20.0, 30.0]])
    moments, values = database.query_range("a != 20", 10, 20, 10).matrix()
    np.testing.assert_array_equal(values, [[1.0, 2.0], [10.0, np.nan]])


def test_numbers_and_texts_are_answers_too(database):
    one = database.query("1 + 1", 5)
    assert (one.kind, one.values.tolist(), one.times.tolist(), len(one)) == ("scalar", [2.0], [5000], 1)
    text = database.query('"x"')
    assert (text.kind, text.text, len(text), repr(text)) == ("string", "x", 0, "<Answer string: 'x'>")
    assert repr(database.query("a")) == "<Answer vector: 2 series, 2 samples>"


def test_annotations_come_along(database):
    assert any("metric might not be a counter" in info for info in database.query("rate(a[1m])").infos)


def test_stored_samples_come_as_they_are(database, stored):
    answer = database.samples('a{job="y"}', 20, 30)
    assert stored.asked == [(20_000, 30_000)]
    assert [(str(labels), t.tolist(), v.tolist()) for labels, t, v in answer] == [
        ('{__name__="a", job="y", time="late"}', [20_000, 30_000], [20.0, 30.0])
    ]


def test_stored_histograms_stand_beside_floats(database):
    answer = database.samples('{__name__=~"a|h"}', 40, 40)
    assert answer.histograms.tolist() == [None, None, HISTOGRAM]
    assert np.isnan(answer.values[2])


def test_an_answer_with_histograms_has_no_number_for_them(database):
    answer = database.query('{__name__=~"a|h"}', 40)
    assert np.isnan(answer.values).tolist() == [one is not None for one in answer.histograms]
    assert answer.to_pandas()["histogram"].notna().sum() == 1
    assert np.isnan(database.query_range("h", 40, 50, 10).matrix()[1]).all()


def test_a_table_of_pandas_has_a_row_for_each_sample(database):
    table = database.query("a", 40).to_pandas()
    assert list(table.columns) == ["__name__", "job", "label_time", "time", "value"]
    assert table["job"].tolist() == ["x", "y"]
    assert table["label_time"].isna().tolist() == [True, False]
    assert table["time"][0].isoformat() == "1970-01-01T00:00:40+00:00"
    assert table.groupby("job", observed=True)["value"].sum().to_dict() == {"x": 4.0, "y": 40.0}


def test_a_table_of_arrow_keeps_dictionaries_and_histograms(database):
    table = database.samples('{__name__=~"a|h"}', 40, 40).to_arrow()
    assert table.schema.field("time").type == pa.timestamp("ms", "UTC")
    assert pa.types.is_dictionary(table.schema.field("__name__").type)
    assert table["label_time"].to_pylist() == [None, "late", None]
    assert table["value"].to_pylist() == [4.0, 40.0, None]
    assert table["histogram"].to_pylist()[:2] == [None, None]
    assert table["histogram"].to_pylist()[2]["positive"] == [{"index": 1, "count": 2.0}]


def test_series_and_labels_ask_for_the_window_and_the_selectors(database, stored):
    assert database.series('{job="x"}', "a", start=1, end=2) == LABELS
    assert database.series()[0] == LABELS[0]
    assert stored.asked == [(2, 1000, 2000), (1, -(1 << 60), 1 << 60)]
    assert database.labels() == ["__name__"]
    assert database.labels(None, "a")[1] == '__name__="a"'
    assert database.labels("job", start=3)[:2] == ["job", "3000"]


def test_what_is_no_selector_is_refused(database):
    with pytest.raises(QueryError, match="not a selector"):
        database.series("sum(a)")
    with pytest.raises(ParseError):
        database.query("sum(")


def test_a_database_closes_with_its_block(stored):
    with Database(stored):
        assert stored.closed == 0
    assert stored.closed == 1


@pytest.mark.parametrize(
    "moment",
    [
        1.5,
        "1970-01-01T00:00:01.500Z",
        "1970-01-01T01:00:01.500+01:00",
        "1970-01-01 00:00:01.500",
        datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC),
        datetime(1970, 1, 1, 1, 0, 1, 500_000, tzinfo=timezone(timedelta(hours=1))),
    ],
)
def test_a_moment_may_be_said_in_many_ways(moment):
    assert milliseconds(moment) == 1500


@pytest.mark.parametrize("span", [90, 90.0, "1m30s", timedelta(seconds=90)])
def test_a_step_may_be_said_in_many_ways(span):
    assert step_milliseconds(span) == 90_000


@pytest.mark.parametrize("wrong", [0, -1, float("nan"), "0s", "soon", timedelta(0)])
def test_what_is_no_step_is_refused(wrong):
    with pytest.raises(ValueError, match=r".+"):
        step_milliseconds(wrong)


@pytest.mark.parametrize("wrong", [float("inf"), float("nan"), "soon"])
def test_what_is_no_moment_is_refused(wrong):
    with pytest.raises(ValueError, match=r".+"):
        milliseconds(wrong)


@dataclass(frozen=True)
class Config:
    pass


def plugin(**changes):
    kind = StorageKind("lake", Config, lambda config, context: None, **changes)
    return {"lake": SimpleNamespace(narthex_storage_kinds=hookimpl(lambda: [kind]))}


def test_the_kind_is_found_in_the_catalog_and_reads_the_path(stored, tmp_path):
    asked = []
    plugins = plugin(read=lambda path: asked.append(path) or stored)
    assert narthex.open(str(tmp_path), storage="lake", plugins=plugins).query("a").values.tolist() == [4.0, 40.0]
    assert asked == [tmp_path]


def test_a_kind_that_is_missing_or_cannot_read_is_named(tmp_path):
    with pytest.raises(StorageError, match="'tsdb' is not installed; there are: lake"):
        narthex.open(tmp_path, plugins=plugin())
    with pytest.raises(StorageError, match=r"'lake' of plugin lake \(narthex .* cannot be opened for reading"):
        narthex.open(tmp_path, storage="lake", plugins=plugin())


def test_importing_narthex_is_light_and_opening_needs_neither_pandas_nor_arrow(tmp_path):
    code = (
        "import sys, narthex\n"
        "heavy = {'numpy', 'aiohttp', 'click', 'rich', 'prometheus_client', 'yaml', 're2', 'pandas', 'pyarrow'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "import narthex.library\n"
        "heavy = {'aiohttp', 'rich', 'pandas', 'pyarrow'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
