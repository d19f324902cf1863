"""How much histograms are is told before any is read, so that a query over too many is refused in time."""

from __future__ import annotations

import numpy as np
import pytest
from tests.plugins.prometheus_blocks.encode import Shape, histogram_chunk
from tests.plugins.prometheus_blocks.write import write_block

from narthex.cli.main import main
from narthex.errors import QueryLimitError
from narthex.model.histogram import Buckets, Histogram, sample_sizes
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchOp
from narthex.promql.engine import Engine
from narthex.storage.frames import HistogramPoints
from narthex.storage.protocol import Batch, WeighsHistograms
from narthex_plugins import tsdb
from narthex_plugins.tsdb.blocks.histograms import HistogramSection
from narthex_plugins.tsdb.histograms.columns import Columns
from narthex_plugins.tsdb.reading import read_directory
from narthex_plugins.tsdb.storage import Tsdb

T0, STEP, ROWS = 1_700_006_400_000, 15_000, 600
ALL = [Matcher(MatchOp.EQUAL, "__name__", "h")]


def grown(series: int, row: int) -> Histogram:
    counts = [float(row + one) for one in range(series + 3)]
    return Histogram(3, 1e-6, 0.0, sum(counts), 1.0, Buckets.run(series, counts))


@pytest.fixture
def storage(in_memory) -> Tsdb:
    """Four series of 600 histograms: more than are kept as objects."""
    storage = in_memory()
    refs = storage.register([Labels({"__name__": "h", "i": str(i)}) for i in range(4)]).tolist()
    lane = storage.open_lane(STEP, 0)
    for row in range(ROWS):
        when = T0 + STEP * row
        held = HistogramPoints.of(refs, [when] * 4, [grown(i, row) for i in range(4)])
        storage.append(Batch(lane, when, np.zeros(0), histograms=held))
    storage._histograms.freeze()
    return storage


def fail(*_: object) -> None:
    raise AssertionError("histograms were read")


def selected(reader, start: int, end: int) -> int:
    return int(sample_sizes(reader.select(ALL, start, end).histograms.values.tolist()).sum())


def test_histograms_of_the_head_are_weighed_by_their_buckets(storage):
    assert isinstance(storage, WeighsHistograms)
    for start, end in ((T0, T0 + STEP * ROWS), (T0 + 1, T0 + 10 * STEP)):
        weight = storage.histogram_weight(ALL, start, end)
        assert weight == pytest.approx(selected(storage, start, end), rel=0.05)
    assert storage.histogram_weight([Matcher(MatchOp.EQUAL, "__name__", "g")], T0, T0 + STEP) == 0
    assert storage.histogram_weight(ALL, 0, T0 - 1) == 0


@pytest.mark.parametrize("query", ["h", "rate(h[1h])", "h[1h]", "sum_over_time(h[1h:1m])"])
def test_a_query_over_too_many_is_refused_before_they_are_read(storage, query, monkeypatch):
    end = T0 + STEP * (ROWS - 1)
    assert Engine(storage).instant(query, end).stats.samples > 0
    monkeypatch.setattr(Columns, "histograms", fail)
    with pytest.raises(QueryLimitError, match="too many samples"):
        Engine(storage, max_samples=10).instant(query, end)


def test_histograms_of_blocks_are_weighed_by_their_share_of_the_window(tmp_path, monkeypatch):
    rows = [(T0 + 60_000 * at, 2 + at, 0, 3.0, [2 + at]) for at in range(100)]
    chunk = (2, rows[0][0], rows[-1][0], histogram_chunk(Shape(positive=[(1, 1)]), rows))
    write_block(tmp_path / "prom/01", [({"__name__": "h"}, [chunk])], times=(T0, T0 + 7_200_000))
    argv = ["tsdb", "import", "--into", str(tmp_path / "data"), str(tmp_path / "prom")]
    assert main(lambda: {"tsdb": tsdb}, argv, scan=False) == 0
    stored = read_directory(tmp_path / "data")
    assert stored.histogram_weight(ALL, T0, T0 + 7_200_000) == selected(stored, T0, T0 + 7_200_000) == 100 * 12
    half = stored.histogram_weight(ALL, T0 + 50 * 60_000, T0 + 7_200_000)
    assert half == pytest.approx(50 * 12, rel=0.05)
    monkeypatch.setattr(HistogramSection, "pick", fail)
    with pytest.raises(QueryLimitError, match="too many samples"):
        Engine(stored, max_samples=100).instant("rate(h[2h])", T0 + 7_200_000)
