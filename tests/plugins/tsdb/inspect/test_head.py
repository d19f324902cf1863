"""What the head holds, in every state that its files have: logs, sealed files, and both of the same samples."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.plugins.tsdb.conftest import Factory, copied

from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchOp
from narthex.model.sample import MISSING
from narthex.storage.protocol import Batch
from narthex.testing.storage_contract import T0, family, points_of
from narthex_plugins.tsdb.inspect.analyze import Analysis, analyze
from narthex_plugins.tsdb.inspect.listing import Entry, entries

ROWS = 20


async def filled(make: Factory, target: Path, *, sealed: bool) -> Path:
    """A directory of three series in rows, one of which misses every other sample, and one of points."""
    storage = make()
    await storage.start()
    lane = storage.open_lane(15_000, 0)
    lane.extend(storage.register(family(3)))
    own = int(storage.register([Labels({"__name__": "p"})])[0])
    for at in range(ROWS):
        values = np.array([at, MISSING if at % 2 else 7.0, at * 0.5])
        storage.append(Batch(lane, T0 + at * 15_000, values, points_of((own, T0 + at * 15_000 + 1, at))))
    await copied(storage, make.data, target, sealed=sealed)
    return target


def counted(path: Path, *matchers: Matcher) -> Analysis:
    return analyze(path, matchers, 10, lambda *_: None)


def row(path: Path, start: str) -> Entry:
    (found,) = [one for one in entries(path) if one.name.startswith(start)]
    return found


@pytest.mark.parametrize("sealed", [False, True])
async def test_an_analysis_covers_the_head(make: Factory, tmp_path: Path, sealed: bool) -> None:
    found = counted(await filled(make, tmp_path / "copy", sealed=sealed))
    assert (found.blocks, found.samples, found.bytes) == (0, 0, 0)
    assert (found.series, found.head_series, found.head_samples) == (4, 4, 3 * ROWS + ROWS // 2)
    assert (found.head_min_time, found.head_max_time) == (T0, T0 + (ROWS - 1) * 15_000 + 1)
    assert found.head_bytes > 0
    assert list(found.metrics) == [("m", 3), ("p", 1)]
    assert [(one.metric, one.series, one.head_samples) for one in found.sizes] == [("m", 3, 50), ("p", 1, 20)]
    one = counted(tmp_path / "copy", Matcher(MatchOp.EQUAL, "i", "1"))
    assert (one.series, one.head_samples) == (1, ROWS // 2)


@pytest.mark.parametrize(("sealed", "kind"), [(False, "log"), (True, "nrx")])
async def test_a_listing_says_what_the_files_of_the_head_hold(
    make: Factory, tmp_path: Path, sealed: bool, kind: str
) -> None:
    path = await filled(make, tmp_path / "copy", sealed=sealed)
    slab = [one for one in entries(path) if one.name.startswith("slab-")]
    points = [one for one in entries(path) if one.name.startswith("points-") and one.samples]
    assert [(one.name[-3:], one.series, one.samples) for one in slab] == [(kind, 3, 50)]
    assert [(one.name[-3:], one.series, one.samples) for one in points] == [(kind, 1, 20)]
    assert (slab[0].min_time, slab[0].max_time) == (T0, T0 + (ROWS - 1) * 15_000)
    assert row(path, "series.log").series == 4
    head = row(path, "head")
    assert (head.series, head.samples, head.min_time) == (4, 70, T0)
    assert head.size == sum(one.size for one in entries(path)) - head.size


async def test_what_stands_in_a_log_and_in_its_file_counts_once(make: Factory, tmp_path: Path) -> None:
    crashed = await filled(make, tmp_path / "crashed", sealed=False)
    for path in (make.data / "sealed").glob("slab-*.nrx"):
        shutil.copy2(path, crashed / "sealed")  # the crash came between sealing and removing the log
    assert row(crashed, "head").samples == 70
    assert counted(crashed).head_samples == 70
