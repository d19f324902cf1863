"""Checksums, numbers and chunks against plain encoders."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.plugins.prometheus_blocks import encode

from narthex.model.histogram.value import Hint
from narthex.model.sample import STALE_NAN
from narthex_plugins.prometheus_blocks.crc import crc32c, crc32c_many
from narthex_plugins.prometheus_blocks.histograms import decode_histograms
from narthex_plugins.prometheus_blocks.varints import signed, uvarint, uvarints, uvarints_at
from narthex_plugins.prometheus_blocks.xor import decode_xor

INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
UINT64 = st.integers(0, (1 << 64) - 1)


def as_array(data: bytes):
    return np.frombuffer(data, dtype=np.uint8)


def bits(value) -> bytes:
    return struct.pack("<d", value)


def test_the_checksum_is_castagnolis():
    assert crc32c(as_array(b"123456789")) == 0xE3069283
    assert crc32c(as_array(b"")) == 0


@pytest.mark.parametrize("size", [1, 7, 8, 1023, 1024, 1025, 2048, 5000])
def test_long_ranges_are_joined_from_stripes(size):
    data = bytes(at * 7 & 255 for at in range(size))
    assert crc32c(as_array(data)) == encode.crc32c(data)


@given(st.lists(st.binary(max_size=40), max_size=12))
def test_many_checksums_are_those_of_the_single_ones(parts):
    lengths = np.array([len(part) for part in parts], dtype=np.int64)
    found = crc32c_many(as_array(b"".join(parts) + b"x"), np.cumsum(lengths) - lengths, lengths)
    assert found.tolist() == [encode.crc32c(part) for part in parts]


@given(st.lists(UINT64, max_size=20))
def test_numbers_come_back_all_at_once_one_by_one_and_at_positions(values):
    parts = [encode.uvarint(value) for value in values]
    data = as_array(b"".join(parts))
    found, stops = uvarints(data)
    assert found.view(np.uint64).tolist() == values
    starts = stops - np.array([len(part) for part in parts], dtype=np.int64)
    again, ends = uvarints_at(data, starts)
    assert (again.view(np.uint64).tolist(), ends.tolist()) == (values, stops.tolist())
    assert [uvarint(data, int(start))[0] for start in starts] == values


@given(st.lists(INT64, max_size=20))
def test_signed_numbers_come_back(values):
    found, _ = uvarints(as_array(b"".join(encode.varint(value) for value in values)))
    assert signed(found).tolist() == values


@pytest.mark.parametrize("read", [lambda data: uvarint(data, 0), lambda data: uvarints_at(data, np.array([0]))])
def test_a_number_that_does_not_end_is_refused(read):
    with pytest.raises(ValueError, match="does not end"):
        read(as_array(b"\x80\x80"))


STEPS = st.one_of(
    st.sampled_from([0, 1, 15_000, 14_999, 15_001]),
    st.integers(0, 1 << 13),
    st.integers(0, 1 << 20),
    st.integers(0, 1 << 40),
)
VALUES = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, math.inf, -math.inf, math.nan, 5e-324]), st.integers(0, 9).map(float), st.floats()
)


@st.composite
def chunks(draw):
    time = draw(st.integers(-(1 << 40), 1 << 41))
    samples = []
    for step, value in draw(st.lists(st.tuples(STEPS, VALUES), min_size=1, max_size=12)):
        samples.append((time, value))
        time += step
    return samples


@given(st.lists(chunks(), max_size=6))
def test_float_chunks_of_any_lengths_are_decoded_in_step(several):
    found = decode_xor([encode.xor_chunk(one) for one in several])
    assert found.counts.tolist() == [len(one) for one in several]
    assert found.times.tolist() == [time for one in several for time, _ in one]
    assert found.values.tobytes() == b"".join(bits(value) for one in several for _, value in one)


def test_the_stale_marker_keeps_its_bits():
    found = decode_xor([encode.xor_chunk([(0, 1.0), (1, float(STALE_NAN)), (2, float(STALE_NAN))])])
    assert found.values[1:].tobytes() == np.array([STALE_NAN, STALE_NAN]).tobytes()


@pytest.mark.parametrize("cut", [1, 2, 9, 15])
def test_a_float_chunk_that_ends_too_early_is_refused(cut):
    whole = encode.xor_chunk([(1 << 40, 1.5), ((1 << 40) + 7, 2.25), ((1 << 40) + 99, 1e9)])
    with pytest.raises(ValueError, match=r"too early|too short|does not end"):
        decode_xor([whole, whole[:cut]])


BUCKETS = st.integers(-50, 1 << 30)


@given(
    st.lists(
        st.tuples(st.integers(0, 1 << 33), UINT64, UINT64, VALUES, BUCKETS, BUCKETS, BUCKETS), min_size=1, max_size=8
    )
)
def test_histograms_of_integers_come_back(rows):
    shape = encode.Shape(flag=2, zero_threshold=2.0**-128, schema=3, positive=[(-2, 1), (3, 1)], negative=[(5, 1)])
    samples = [(t, c >> 12, z >> 12, s, [a, b, n]) for t, c, z, s, a, b, n in rows]
    found = list(decode_histograms(encode.histogram_chunk(shape, samples), 2))
    assert [time for time, _ in found] == [row[0] for row in rows]
    for (_, got), (_, count, zeros, total, (a, b, n)) in zip(found, samples, strict=True):
        assert (got.count, got.zero_count, bits(got.sum)) == (count, zeros, bits(total))
        assert (got.schema, got.zero_threshold) == (3, 2.0**-128)
        assert list(got.positive.pairs()) == [(-2, a), (2, a + b)]
        assert list(got.negative.pairs()) == [(5, n)]
    assert [got.hint for _, got in found] == [Hint.RESET] + [Hint.NOT_RESET] * (len(rows) - 1)


@given(st.lists(st.tuples(st.integers(0, 1 << 33), st.lists(VALUES, min_size=5, max_size=5)), min_size=1, max_size=8))
def test_histograms_of_floats_and_custom_bounds_come_back(samples):
    shape = encode.Shape(flag=3, schema=-53, positive=[(0, 2)], bounds=[0.25, 1e-5])
    found = list(decode_histograms(encode.float_histogram_chunk(shape, samples), 3))
    for (time, got), (when, values) in zip(found, samples, strict=True):
        assert time == when
        assert got.bounds == (0.25, 1e-5)
        assert got.hint is Hint.GAUGE
        counts = [got.count, got.zero_count, got.sum, *got.positive.counts]
        assert b"".join(map(bits, counts)) == b"".join(map(bits, values))


def test_the_end_of_a_series_of_histograms_has_no_buckets():
    shape = encode.Shape(positive=[(1, 1)])
    found = list(
        decode_histograms(encode.histogram_chunk(shape, [(1, 2, 0, 3.0, [2]), (9, 2, 0, float(STALE_NAN), [])]), 2)
    )
    assert [(time, value.stale) for time, value in found] == [(1, False), (9, True)]


@pytest.mark.parametrize("encoding", [2, 3])
def test_a_histogram_chunk_that_ends_too_early_is_refused(encoding):
    data = encode.histogram_chunk(encode.Shape(positive=[(1, 1)]), [(1, 2, 0, 3.0, [2]), (9, 2, 0, 4.0, [2])])
    with pytest.raises(ValueError, match=r"too early|too short"):
        list(decode_histograms(data[:8], encoding))
