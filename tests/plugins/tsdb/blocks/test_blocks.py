"""Blocks give back what they were given, bit by bit, whichever part is asked for."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narthex.errors import StorageError
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchOp
from narthex.model.sample import MISSING, MISSING_BITS, NORMAL_NAN, STALE_NAN
from narthex.storage.frames import NO_TIME, Selection
from narthex_plugins.tsdb.blocks import Block, block_path, open_block, write_block
from narthex_plugins.tsdb.blocks.hashing import set_hash

T0 = 1_700_000_000_000
SPECIAL = [0.0, -0.0, 1.5, float("inf"), MISSING, STALE_NAN, NORMAL_NAN]

Samples = dict[Labels, list[tuple[int, int]]]


def of_selection(selection: Selection) -> Samples:
    """Samples as ``(time, bits)``, by labels."""
    found: dict[int, list[tuple[int, int]]] = {}
    for frame in selection.frames:
        cells = frame.window(0, len(frame.times)).view(np.int64)
        for at, series in enumerate(frame.series.tolist()):
            times = frame.times[:, frame.group[at]]
            there = (times != NO_TIME) & (cells[:, at] != MISSING_BITS)
            pairs = zip(times[there].tolist(), cells[there, at].tolist(), strict=True)
            found.setdefault(series, []).extend(pairs)
    points = selection.points
    for series, time, bits in zip(points.series, points.times, points.values.view(np.int64), strict=True):
        found.setdefault(int(series), []).append((int(time), int(bits)))
    labels = selection.labels.all_labels()
    return {labels[row]: sorted(one) for row, one in found.items() if one}


def written(
    path: Path, labels: list[Labels], times: list[np.ndarray], values: list[np.ndarray]
) -> tuple[Block, Samples]:
    write_block(path, labels, times, values)
    expected = {}
    for label, time, value in zip(labels, times, values, strict=True):
        bits = value.view(np.int64)
        there = bits != MISSING_BITS
        if there.any():
            expected[label] = list(zip(time[there].tolist(), bits[there].tolist(), strict=True))
    return open_block(path), expected


series_of_any_kind = st.lists(
    st.tuples(st.integers(0, 3), st.integers(1, 2500), st.integers(0, 1 << 30)), min_size=1, max_size=8
)


def make(kinds: list[tuple[int, int, int]]) -> tuple[list[Labels], list[np.ndarray], list[np.ndarray]]:
    labels, times, values = [], [], []
    for number, (kind, rows, seed) in enumerate(kinds):
        rng = np.random.default_rng(seed)
        labels.append(Labels({"__name__": f"m{number % 3}", "i": f"ä{number}", **({"odd": "x"} if number % 2 else {})}))
        step = 15_000 if kind < 2 else int(rng.integers(1, 100_000))
        times.append(T0 + np.arange(rows) * step + (rng.integers(0, step, rows) if kind == 2 else 0))
        own = [np.full(rows, 7.25), np.cumsum(rng.integers(0, 9, rows)).astype(float), rng.random(rows)][kind % 3]
        where = rng.random(rows) < 0.05
        own[where] = np.array(SPECIAL)[rng.integers(0, len(SPECIAL), int(where.sum()))]
        values.append(own)
    return labels, times, values


@settings(max_examples=40, deadline=None)
@given(series_of_any_kind, st.integers(-2, 3000), st.integers(0, 3000))
def test_any_window_of_any_block_comes_back(kinds: list[tuple[int, int, int]], low: int, length: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        block, expected = written(block_path(Path(directory), 1), *make(kinds))
        assert of_selection(block.select([], 0, 1 << 60)) == expected
        whole = {k: list(zip(t.tolist(), v.view(np.int64).tolist(), strict=True)) for k, t, v in block if len(t)}
        assert whole == expected
        start, end = T0 + low * 15_000, T0 + (low + length) * 15_000
        cut = {k: [one for one in v if start <= one[0] <= end] for k, v in expected.items()}
        assert of_selection(block.select([], start, end)) == {k: v for k, v in cut.items() if v}
        block.verify()


def test_cells_are_what_the_decoded_matrix_holds(tmp_path: Path) -> None:
    kinds = [(kind, rows, seed) for seed, (kind, rows) in enumerate([(0, 1500), (1, 1500), (2, 1400), (1, 1500)])]
    block, _ = written(block_path(tmp_path, 1), *make(kinds))
    rng = np.random.default_rng(3)
    for frame in block.select([], T0 + 15_000_000, 1 << 60).frames:
        whole = np.asarray(frame.matrix).view(np.int64)
        rows = rng.integers(0, len(whole), (7, len(frame.columns)))
        assert (frame.at(rows).view(np.int64) == whole[rows, frame.columns]).all()
        assert (frame.window(3, 90).view(np.int64) == whole[3:90]).all()
        assert (frame.matrix[:, 0].view(np.int64) == whole[:, 0]).all()
        assert (frame.matrix[5:9][1:3, :].view(np.int64) == whole[6:8]).all()
        out = np.empty((len(whole), 1))
        np.take(frame.matrix, frame.columns[-1:], axis=1, out=out, mode="clip")
        assert (out.view(np.int64) == whole[:, -1:]).all()


MATCHERS = [
    (MatchOp.EQUAL, "i", "3"), (MatchOp.EQUAL, "i", "none"), (MatchOp.EQUAL, "odd", ""), (MatchOp.EQUAL, "x", ""),
    (MatchOp.EQUAL, "x", "y"), (MatchOp.NOT_EQUAL, "i", "3"), (MatchOp.NOT_EQUAL, "odd", ""),
    (MatchOp.REGEX, "i", "[0-9]+"), (MatchOp.REGEX, "odd", "|x"), (MatchOp.NOT_REGEX, "odd", "x"),
    (MatchOp.NOT_REGEX, "i", "1.*"), (MatchOp.REGEX, "i", "1.*"),
    (MatchOp.REGEX, "rare", ".+"), (MatchOp.EQUAL, "__name__", "m1"),
]  # fmt: skip


def test_matchers_find_what_they_find_one_by_one(tmp_path: Path) -> None:
    labels = []
    for i in range(300):
        extra = {**({"odd": "x"} if i % 2 else {}), **({"rare": str(i)} if i % 100 == 0 else {})}
        labels.append(Labels({"__name__": f"m{i % 3}", "i": str(i), **extra}))
    one = [np.array([T0])] * 300
    block, _ = written(block_path(tmp_path, 1), labels, one, [np.ones(1)] * 300)
    matchers = [Matcher(*entry) for entry in MATCHERS]
    for first in matchers:
        for second in matchers:
            found = set(block.table(block.match([first, second])).all_labels())
            expected = {own for own in labels if all(m.matches(own.as_dict().get(m.name, "")) for m in (first, second))}
            assert found == expected, (first, second)


def test_series_stand_in_order_of_metric_then_labels(tmp_path: Path) -> None:
    labels = [Labels({"__name__": n, "b": b, "a": a}) for n in "zyx" for b in "21" for a in "43"]
    block, _ = written(block_path(tmp_path, 1), labels, [np.array([T0])] * 12, [np.ones(1)] * 12)
    found = [own.as_dict() for own, _, _ in block]
    assert found == sorted(found, key=lambda one: (one["__name__"], one["a"], one["b"]))
    assert block.hashes.tolist() == [set_hash(one) for one in found]


def test_the_moment_zero_comes_as_points(tmp_path: Path) -> None:
    times = np.array([-1000, 0, 1000])
    block, expected = written(
        block_path(tmp_path, 1), [Labels({"__name__": "m"})], [times], [np.array([1.0, STALE_NAN, 3.0])]
    )
    assert of_selection(block.select([], -5000, 5000)) == expected


def test_a_damaged_page_is_told_and_reads_as_no_sample(tmp_path: Path) -> None:
    path = block_path(tmp_path, 1)
    rng = np.random.default_rng(1)
    labels = [Labels({"__name__": "m", "i": str(i)}) for i in range(4)]
    times = [T0 + np.arange(100) * 15_000] * 4
    block, expected = written(path, labels, times, [rng.random(100) for _ in range(4)])
    entry = block.file.facts["arrays"]["float.pages"]
    content = bytearray(path.read_bytes())
    at = entry["offset"] + int(block.floats.values.word[2]) + 5
    content[at] ^= 1
    path.write_bytes(content)
    told: list[StorageError] = []
    found = of_selection(open_block(path, told.append).select([], 0, 1 << 60))
    assert found == {k: v for k, v in expected.items() if k != labels[2]}
    assert "page 2 of float.values has a wrong checksum" in str(told[0])
    with pytest.raises(StorageError, match="checksum"):
        of_selection(open_block(path).select([], 0, 1 << 60))
    with pytest.raises(StorageError, match="checksum"):
        open_block(path).verify()


@pytest.mark.parametrize("how", ["cut", "changed"])
def test_a_damaged_index_is_refused(tmp_path: Path, how: str) -> None:
    path = block_path(tmp_path, 1)
    written(path, *make([(1, 50, 1), (0, 50, 2)]))
    good = path.read_bytes()
    entry = open_block(path).file.facts["arrays"]["float.pages"]
    pages = range(entry["offset"], entry["offset"] + entry["size"])
    refused = 0
    for at in range(0, len(good), 7):
        content = bytearray(good)
        if how == "cut":
            del content[at:]
        else:
            content[at] ^= 0x10
        path.write_bytes(content)
        try:
            open_block(path)
        except StorageError:
            refused += 1
        else:
            assert how == "changed", at
            assert at in pages or not good[at], "only pages and padding may change unnoticed"
    assert refused


def test_what_cannot_be_a_block_is_refused(tmp_path: Path) -> None:
    own, two = Labels({"__name__": "m"}), np.array([1, 2])
    for labels, times, values in [
        ([own, own], [two, two], [np.ones(2), np.ones(2)]),
        ([own], [two[::-1]], [np.ones(2)]),
        ([own], [two], [np.ones(3)]),
    ]:
        with pytest.raises(StorageError):
            write_block(block_path(tmp_path, 1), labels, times, values)
    assert not list(tmp_path.iterdir())
