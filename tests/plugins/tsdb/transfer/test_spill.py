from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.storage.frames import Points
from narthex_plugins.tsdb.blocks.plan import RANGE
from narthex_plugins.tsdb.transfer import spill as module
from narthex_plugins.tsdb.transfer.spill import Spill

SAMPLES = st.lists(
    st.lists(st.tuples(st.integers(0, 5), st.integers(-RANGE, 3 * RANGE), st.floats(allow_nan=False)), max_size=20),
    max_size=8,
)


@pytest.mark.parametrize(("kept", "merged"), [(1 << 22, 1 << 20), (7, 3)])
def test_samples_come_back_by_range_series_and_time_and_the_last_of_a_moment_wins(
    tmp_path_factory, monkeypatch, kept, merged
):
    monkeypatch.setattr(module, "_KEPT", kept)
    monkeypatch.setattr(module, "_MERGED", merged)

    @given(SAMPLES)
    def check(batches):
        spill = Spill(tmp_path_factory.mktemp("spill"))
        wanted: dict[int, dict[int, dict[int, float]]] = {}
        for batch in batches:
            for series, time, value in batch:
                wanted.setdefault(time // RANGE, {}).setdefault(series, {})[time] = value
            rows = np.array([row[:2] for row in batch], dtype=np.int64).reshape(-1, 2)
            spill.add(Points(rows[:, 0], rows[:, 1], np.array([row[2] for row in batch], dtype=np.float64)))
        slots = spill.slots()
        assert slots == sorted(wanted)
        for slot in slots:
            found = [(series, dict(zip(t.tolist(), v.tolist(), strict=True))) for series, t, v in spill.columns(slot)]
            assert found == [(series, dict(sorted(one.items()))) for series, one in sorted(wanted[slot].items())]
            assert [list(one) for _, one in found] == [sorted(one) for _, one in sorted(wanted[slot].items())]

    check()
