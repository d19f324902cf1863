"""The write-ahead log: fragments over pages, compression, checkpoints, torn ends, and what its records mean."""

from __future__ import annotations

import struct

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.plugins.prometheus_blocks.writelog import (
    PAGE,
    samples_record,
    segment,
    series_record,
    tombstones_record,
)

from narthex.errors import StorageError
from narthex.model.sample import STALE_NAN
from narthex_plugins.prometheus_blocks import HeadReader
from narthex_plugins.prometheus_blocks.compression import snappy, zstd

SERIES = {7: {"__name__": "a", "job": "x"}, 300: {"__name__": "b"}}
SAMPLES = [(7, 1000, 1.5), (300, 1000, -0.0), (7, 900, float("inf")), (300, 1 << 41, 5e-324)]


def write(path, *segments, log="wal", first=0):
    (path / log).mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(segments, first):
        (path / log / f"{number:08d}").write_bytes(content)


def read(path) -> list[tuple[str, int, bytes]]:
    reader = HeadReader(path)
    return [
        (reader.labels[series]["__name__"], time, struct.pack("<d", value))
        for _, points in reader.batches()
        for series, time, value in zip(points.series, points.times, points.values, strict=True)
    ]


def plain(samples) -> list[tuple[str, int, bytes]]:
    return [(SERIES[reference]["__name__"], time, struct.pack("<d", value)) for reference, time, value in samples]


CODECS = {"snappy": snappy, "zstd": zstd}


@pytest.mark.parametrize("codec", CODECS)
@given(data=st.binary(max_size=4000))
def test_compressed_data_comes_back(codec, data):
    assert CODECS[codec](pa.compress(data, codec=codec, asbytes=True)) == data


@pytest.mark.parametrize("wrong", [b"\x05", b"\x05\x00a", b"\x02\x01\x01", b"\x09\x00a\x01\x05", b"\x80"])
@pytest.mark.parametrize("codec", CODECS)
def test_compressed_data_that_makes_no_sense_is_refused(codec, wrong):
    with pytest.raises(ValueError, match="compressed data"):
        CODECS[codec](wrong)


def test_a_block_that_claims_to_be_huge_is_refused_before_room_is_made_for_it():
    with pytest.raises(ValueError, match="larger than any record"):
        snappy(b"\xff\xff\xff\xff\x0f\x00a")


@pytest.mark.parametrize("compressed", ["", "snappy", "zstd"])
def test_records_are_read_over_pages_and_segments(tmp_path, compressed):
    many = [(7, at, float(at * at)) for at in range(4000)]  # more than a page
    write(
        tmp_path,
        segment([series_record(SERIES), samples_record(SAMPLES), b"\x06ignored"], compressed=compressed),
        segment([samples_record(many), samples_record(SAMPLES)], compressed=compressed),
    )
    assert len(segment([samples_record(many)])) > PAGE
    assert read(tmp_path) == plain(SAMPLES + many + SAMPLES)


def test_a_checkpoint_stands_for_the_segments_up_to_its_number(tmp_path):
    write(tmp_path, segment([samples_record([(7, 5, 5.0)])]), segment([samples_record([(7, 6, 6.0)])]), first=3)
    write(tmp_path, segment([series_record(SERIES), samples_record([(7, 4, 4.0)])]), log="wal/checkpoint.00000003")
    write(tmp_path, b"?", log="wal/checkpoint.00000001")
    assert read(tmp_path) == plain([(7, 4, 4.0), (7, 6, 6.0)])


def test_late_samples_come_from_their_own_log_with_the_same_references(tmp_path):
    write(tmp_path, segment([series_record(SERIES)]))
    write(tmp_path, segment([samples_record([(300, 1, 1.0)])]), log="wbl")
    reader = HeadReader(tmp_path)
    ((done, points),) = reader.batches()
    assert (reader.is_late(done), reader.is_late(0), points.times.tolist()) == (True, False, [1])


def test_the_marker_of_an_ended_series_keeps_its_bits(tmp_path):
    write(tmp_path, segment([series_record(SERIES), samples_record([(7, 1, float(STALE_NAN))])]))
    assert read(tmp_path)[0][2] == np.float64(STALE_NAN).tobytes()


def test_deletions_are_told_by_series_and_unknown_series_passed_over(tmp_path):
    records = [series_record(SERIES), samples_record([(9, 1, 1.0), (7, 2, 2.0)]), tombstones_record([(7, -5, 1 << 40)])]
    write(tmp_path, segment(records))
    reader = HeadReader(tmp_path)
    ((_, points),) = reader.batches()
    assert points.times.tolist() == [2]
    assert reader.deleted == {0: [(-5, 1 << 40)]}


def test_the_end_of_the_last_segment_may_be_torn_but_no_other(tmp_path):
    whole = segment([series_record(SERIES), samples_record(SAMPLES[:1]), samples_record(SAMPLES[1:2])])
    for cut in range(1, len(samples_record(SAMPLES[1:2])) + 7):
        write(tmp_path, whole[:-cut])
        assert read(tmp_path) == plain(SAMPLES[:1])
    write(tmp_path, whole[:-3], whole)
    with pytest.raises(StorageError, match=r"wal/00000000: at byte \d+: damaged"):
        read(tmp_path)


def test_every_changed_byte_of_an_older_segment_is_noticed(tmp_path):
    whole = segment([series_record(SERIES), samples_record(SAMPLES)])
    for at in range(len(whole)):
        write(tmp_path, whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :], whole)
        try:
            found = read(tmp_path)
        except StorageError as error:
            found = str(error)
        assert found == plain(SAMPLES + SAMPLES) or "wal/0000000" in found, at


def test_without_a_log_there_is_nothing(tmp_path):
    reader = HeadReader(tmp_path)
    assert (reader.name, reader.files, list(reader.batches())) == ("", 0, [])
