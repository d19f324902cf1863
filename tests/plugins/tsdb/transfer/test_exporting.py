"""Exports of a storage are read back by what is meant to read them: our import, DuckDB, pandas."""

from __future__ import annotations

import io
import math

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.model.histogram import Buckets, Histogram
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchOp
from narthex.model.sample import MISSING, STALE_NAN
from narthex.storage.frames import HistogramPoints
from narthex.storage.protocol import Batch
from narthex_plugins.tsdb.transfer.openmetrics import OpenMetricsReader
from narthex_plugins.tsdb.transfer.openmetricsout import export_openmetrics, series_text
from narthex_plugins.tsdb.transfer.parquet import export_parquet
from narthex_plugins.tsdb.transfer.reading import Wanted

SERIES = [
    Labels({"__name__": "up", "job": "x"}),
    Labels({"__name__": "up", "job": "y", "series": "7"}),
    Labels({"__name__": "ä.b", "l-l": 'a"b\\c\nd'}),
    Labels({"job": "nameless"}),
]
HISTOGRAM = Histogram(count=2.0, sum=3.0, positive=Buckets.run(1, [2.0]))
T0 = 1_700_000_000_000


def silent(what, done, total):
    pass


@pytest.fixture
def storage(in_memory):
    """Four series at 10 s; the first one ends, the second has a gap."""
    storage = in_memory()
    lane = storage.open_lane(10_000, 0)
    lane.extend(storage.register(SERIES))
    for at, row in enumerate(
        [[1.0, 0.1, math.inf, -0.0], [2.0, MISSING, math.nan, 1e300], [STALE_NAN, 0.3, -math.inf, 5e-324]]
    ):
        storage.append(Batch(lane, T0 + 10_000 * at, np.array(row)))
    return storage


def rows_of(text: bytes):
    reader = OpenMetricsReader(io.BytesIO(text), "export")
    return [
        (reader.labels[series], time, value)
        for points in reader.batches()
        for series, time, value in zip(
            points.series.tolist(), points.times.tolist(), points.values.tolist(), strict=True
        )
    ]


def test_openmetrics_text_is_read_back_as_it_was_less_series_without_a_name(storage):
    out = io.BytesIO()
    assert export_openmetrics(storage, Wanted(), out, silent) == (7, 0, 3)
    found = rows_of(out.getvalue())
    assert [(labels, time) for labels, time, _ in found] == [
        (SERIES[0], T0), (SERIES[0], T0 + 10_000),
        (SERIES[1], T0), (SERIES[1], T0 + 20_000),
        *((SERIES[2], T0 + 10_000 * at) for at in range(3)),
    ]  # fmt: skip
    values = [1.0, 2.0, 0.1, 0.3, math.inf, math.nan, -math.inf]
    np.testing.assert_array_equal([value for *_, value in found], values)


def test_only_what_is_wanted_is_exported(storage):
    out = io.BytesIO()
    wanted = Wanted([Matcher(MatchOp.EQUAL, "job", "x")], T0 + 1, T0 + 10_000)
    assert export_openmetrics(storage, wanted, out, silent) == (1, 0, 0)
    assert out.getvalue() == b'up{job="x"} 2 1700000010\n# EOF\n'


@given(st.dictionaries(st.text(min_size=1), st.text(min_size=1), min_size=1), st.text(min_size=1))
def test_any_labels_survive_the_text(labels, metric):
    wanted = Labels({**labels, "__name__": metric})
    ((found, time, value),) = rows_of(f"{series_text(wanted)} 1 2\n# EOF\n".encode())
    assert (found, time, value) == (wanted, 2000, 1.0)


@pytest.fixture
def exported(storage, tmp_path):
    assert export_parquet(storage, Wanted(), tmp_path / "out", silent) == (10, 4)
    return tmp_path / "out"


def test_duckdb_reads_both_files_and_joins_them(exported):
    found = duckdb.sql(
        f"""
        select s.job, count(*), min(value), max(epoch_ms(time))
        from '{exported}/samples.parquet' join '{exported}/series.parquet' s using (series)
        where s."__name__" = 'up' group by all order by all
        """
    ).fetchall()
    assert found == [("x", 2, 1.0, T0 + 10_000), ("y", 2, 0.1, T0 + 20_000)]
    names = duckdb.sql(f"select * from '{exported}/series.parquet'").columns
    assert names == ["series", "__name__", "job", "l-l", "label_series"]


def test_pandas_reads_both_files_and_times_have_a_zone(exported):
    samples, series = pd.read_parquet(exported / "samples.parquet"), pd.read_parquet(exported / "series.parquet")
    joined = samples.merge(series, on="series")
    assert len(joined) == 10
    assert str(joined["time"].dt.tz) == "UTC"
    last = joined[joined["job"] == "nameless"]
    assert last["value"].tolist() == [-0.0, 1e300, 5e-324]
    assert joined["histogram"].isna().all()
    assert not list(exported.glob("*.tmp"))


def test_histograms_are_exported_to_parquet_and_counted_by_text(in_memory, tmp_path):
    storage = in_memory()
    lane = storage.open_lane(10_000, 0)
    refs = storage.register([Labels({"__name__": "h"})])
    beside = HistogramPoints.of(refs.tolist(), [T0], [HISTOGRAM])
    storage.append(Batch(lane, T0, np.zeros(0), histograms=beside))
    assert export_openmetrics(storage, Wanted(), io.BytesIO(), silent) == (0, 1, 0)
    assert export_parquet(storage, Wanted(), tmp_path, silent) == (1, 1)
    ((value, histogram),) = duckdb.sql(f"select value, histogram from '{tmp_path}/samples.parquet'").fetchall()
    assert value is None
    assert (histogram["count"], histogram["positive"]) == (2.0, [{"index": 1, "count": 2.0}])


def test_an_interrupted_export_leaves_what_was_there(storage, exported):
    before = (exported / "samples.parquet").read_bytes()

    def interrupt(what, done, total):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_parquet(storage, Wanted(), exported, interrupt)
    assert sorted(path.name for path in exported.iterdir()) == ["samples.parquet", "series.parquet"]
    assert (exported / "samples.parquet").read_bytes() == before
