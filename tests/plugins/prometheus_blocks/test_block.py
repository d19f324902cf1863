"""Whole blocks, written by the tests in both index versions."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.plugins.prometheus_blocks.encode import Shape, histogram_chunk, xor_chunk
from tests.plugins.prometheus_blocks.write import write_block

from narthex.errors import StorageError
from narthex_plugins.prometheus_blocks import PrometheusBlock, block_directories


def float_chunk(first: int, count: int, base: float = 0.0):
    samples = [(first + 1000 * at, base + at) for at in range(count)]
    return 1, samples[0][0], samples[-1][0], xor_chunk(samples)


SERIES = [
    ({"__name__": "a", "job": "x"}, [float_chunk(0, 3), float_chunk(10_000, 2, 7.0)]),
    ({"__name__": "a", "job": "ÿ"}, [float_chunk(500, 1)]),
    ({"__name__": "b"}, []),
    ({"__name__": "c", "zone": "x"}, [float_chunk(-3000, 2)]),
]


def everything(block: PrometheusBlock, chunks: int = 100) -> dict[str, list[tuple[int, float]]]:
    found: dict[str, list[tuple[int, float]]] = {}
    for samples in block.samples(chunks=chunks):
        for labels in samples.labels:
            found.setdefault(str(labels), [])
        for series, time, value in zip(samples.series, samples.times, samples.values, strict=True):
            found[str(samples.labels[series])].append((int(time), float(value)))
    return found


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("chunks", [1, 2, 100])
def test_every_series_and_sample_is_read_in_batches_of_any_size(tmp_path, version, chunks):
    write_block(tmp_path / "b", SERIES, version=version, times=(-5000, 20_000))
    block = PrometheusBlock(tmp_path / "b")
    assert everything(block, chunks) == {
        '{__name__="a", job="x"}': [(0, 0.0), (1000, 1.0), (2000, 2.0), (10_000, 7.0), (11_000, 8.0)],
        '{__name__="a", job="ÿ"}': [(500, 0.0)],
        '{__name__="b"}': [],
        '{__name__="c", zone="x"}': [(-3000, 0.0), (-2000, 1.0)],
    }
    assert list(block.verify())[-1] == 4


def test_a_block_without_label_indices_is_whole(tmp_path):
    write_block(tmp_path / "b", SERIES, label_indices=False)
    assert list(PrometheusBlock(tmp_path / "b").verify())[-1] == 4


@pytest.mark.parametrize("version", [1, 2])
def test_postings_and_label_values_are_those_of_the_index(tmp_path, version):
    references = write_block(tmp_path / "b", SERIES, version=version)
    index = PrometheusBlock(tmp_path / "b").index
    assert index.references.tolist() == references
    assert index.postings("__name__", "a").tolist() == references[:2]
    assert index.postings("job", "nobody").tolist() == []
    assert index.label_values("job") == ["x", "ÿ"]


def test_what_tombstones_cover_and_what_is_out_of_range_is_left_out(tmp_path):
    write_block(tmp_path / "b", SERIES, tombstones=[(0, 1000, 10_000), (3, -9999, -3000)], times=(-2500, 11_000))
    found = everything(PrometheusBlock(tmp_path / "b"))
    assert found['{__name__="a", job="x"}'] == [(0, 0.0)]
    assert found['{__name__="c", zone="x"}'] == [(-2000, 1.0)]


def test_overlapping_chunks_are_merged_and_the_first_of_equal_times_stays(tmp_path):
    one, other = [(0, 1.0), (2000, 2.0)], [(1000, 3.0), (2000, 4.0)]
    chunks = [(1, 0, 2000, xor_chunk(one)), (1, 2000, 2000, xor_chunk(other))]
    write_block(tmp_path / "b", [({"__name__": "a"}, chunks)])
    assert everything(PrometheusBlock(tmp_path / "b")) == {'{__name__="a"}': [(0, 1.0), (1000, 3.0), (2000, 2.0)]}


def test_histograms_stand_beside_floats(tmp_path):
    chunk = histogram_chunk(Shape(positive=[(1, 1)]), [(5, 2, 0, 3.0, [2]), (6, 3, 0, 4.0, [3])])
    write_block(tmp_path / "b", [SERIES[0], ({"__name__": "h"}, [(2, 5, 6, chunk)])])
    (samples,) = PrometheusBlock(tmp_path / "b").samples()
    assert (samples.histogram_series.tolist(), samples.histogram_times.tolist()) == ([1, 1], [5, 6])
    assert [one.sum for one in samples.histograms] == [3.0, 4.0]
    assert np.unique(samples.series).tolist() == [0]


def complaint_about(path) -> str:
    try:
        list(PrometheusBlock(path).verify())
    except StorageError as error:
        return str(error)
    return ""


def test_blocks_are_listed_by_time(tmp_path):
    write_block(tmp_path / "late", SERIES, times=(100, 200))
    write_block(tmp_path / "soon", SERIES, times=(0, 100))
    (tmp_path / "wal").mkdir()
    assert [one.name for one in block_directories(tmp_path)] == ["soon", "late"]
    assert block_directories(tmp_path / "late") == [tmp_path / "late"]
    with pytest.raises(StorageError, match="nowhere: No such file"):
        block_directories(tmp_path / "nowhere")


def test_a_chunk_of_an_unknown_encoding_is_named_with_its_place(tmp_path):
    write_block(tmp_path / "b", [({"__name__": "a"}, [(9, 0, 0, b"??")])])
    with pytest.raises(StorageError, match=r"chunks/000001: at byte 8: chunk encoding 9 is not known"):
        list(PrometheusBlock(tmp_path / "b").samples())


@pytest.mark.parametrize("name", ["index", "chunks/000001", "tombstones", "meta.json"])
def test_every_changed_byte_is_noticed_and_the_file_is_named(tmp_path, name):
    write_block(tmp_path / "b", SERIES, tombstones=[(0, 1000, 1000)])
    path = tmp_path / "b" / name
    whole = path.read_bytes()
    complaints = {}
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x40]) + whole[at + 1 :])
        complaints[at] = complaint_about(tmp_path / "b")
    assert all(name in text for text in complaints.values() if text)
    unnoticed = {at for at, text in complaints.items() if not text}
    # Nothing protects the padding of files and between entries, and most of the JSON's text.
    allowed = {"chunks/000001": {5, 6, 7}, "meta.json": set(range(len(whole)))}.get(name, set())
    assert {at for at in unnoticed if whole[at] or name != "index"} <= allowed
    assert len(unnoticed) < len(whole) / 3 or name == "meta.json"


@pytest.mark.parametrize("name", ["index", "chunks/000001", "tombstones", "meta.json"])
def test_a_file_cut_anywhere_is_refused_by_name(tmp_path, name):
    write_block(tmp_path / "b", SERIES, tombstones=[(0, 1000, 1000)])
    path = tmp_path / "b" / name
    whole = path.read_bytes()
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        with pytest.raises(StorageError, match=name):
            list(PrometheusBlock(tmp_path / "b").verify())


def test_a_block_of_another_version_is_refused(tmp_path):
    write_block(tmp_path / "b", SERIES)
    meta = tmp_path / "b/meta.json"
    meta.write_text(json.dumps({**json.loads(meta.read_text()), "version": 2}))
    with pytest.raises(StorageError, match="version 2 is not known"):
        PrometheusBlock(tmp_path / "b")
