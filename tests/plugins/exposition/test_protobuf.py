"""The protobuf format, written by a small encoder of the tests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.plugins.exposition.protobuf_encoder import body, double, message, packed, signed, text, varint

from narthex.errors import ExpositionError
from narthex.model.histogram import Hint, format_histogram
from narthex.scrape.exposition import Help, HistogramSeries, Series, Type, Unit
from narthex_plugins.exposition import ParseOptions, parse_protobuf
from narthex_plugins.exposition.protobuf.wire import fields, signed_varints

HISTOGRAM, GAUGE_HISTOGRAM = 4, 5


def family(name: str, kind: int, *metrics: bytes) -> bytes:
    return text(1, name) + text(2, "A help.") + varint(3, kind) + b"".join(message(4, one) for one in metrics)


def label(name: str, value: str) -> bytes:
    return message(1, text(1, name), text(2, value))


NATIVE = (
    varint(1, 6) + double(2, 9.5) + signed(5, 1) + double(6, 0.001) + varint(7, 1)
    + message(12, signed(1, -2), varint(2, 2)) + message(12, signed(1, 3), varint(2, 1)) + packed(13, [2, -1, 1])
)  # fmt: skip
CLASSIC = message(3, varint(1, 2), double(2, 1.0)) + message(3, varint(1, 5), double(2, 10.0))


@given(st.floats(allow_nan=False), st.integers(-(1 << 40), 1 << 40), st.text(st.characters(exclude_categories=["Cs"])))
def test_a_counter_comes_back_as_it_was_written(value: float, when: int, label_value: str) -> None:
    metric = label("a", label_value) + message(3, double(1, value)) + varint(6, when)
    entries = parse_protobuf(body(family("x_total", 0, metric)))
    assert entries[:2] == [Help("x_total", "A help."), Type("x_total", "counter")]
    (series,) = entries[2:]
    assert isinstance(series, Series)
    assert (series.labels, series.value) == ({"__name__": "x_total", "a": label_value}, value)
    assert series.timestamp == (when or None)


def test_the_parts_of_a_summary_in_the_order_of_the_text_format() -> None:
    summary = varint(1, 3) + double(2, 7.5) + message(3, double(1, 0.5), double(2, 2.0)) + message(4, varint(1, 9))
    entries = [one for one in parse_protobuf(body(family("s", 2, message(4, summary)))) if isinstance(one, Series)]
    assert [(one.series, one.value) for one in entries] == [("s_count", 3), ("s_sum", 7.5), ('s{quantile="0.5"}', 2)]
    assert {one.start_timestamp for one in entries} == {9000}


def test_a_unit_is_told() -> None:
    gauge = family("x_bytes", 1, message(2, double(1, 1.0))) + text(5, "bytes")
    assert Unit("x_bytes", "bytes") in parse_protobuf(body(gauge))
    (series,) = [
        one
        for one in parse_protobuf(body(gauge), ParseOptions(enable_type_and_unit_labels=True))
        if isinstance(one, Series)
    ]
    assert series.labels == {"__name__": "x_bytes", "__type__": "gauge", "__unit__": "bytes"}


@pytest.mark.parametrize(("kind", "hint"), [(HISTOGRAM, Hint.UNKNOWN), (GAUGE_HISTOGRAM, Hint.GAUGE)])
def test_native_buckets_are_spans_with_deltas(kind: int, hint: Hint) -> None:
    (found,) = parse_protobuf(body(family("h", kind, message(7, NATIVE))))[2:]
    assert isinstance(found, HistogramSeries)
    assert found.histogram.hint is hint
    expected = "{{schema:1 count:6 sum:9.5 z_bucket:1 z_bucket_w:0.001 offset:-2 buckets:[2 1 0 0 0 2]}}"
    assert format_histogram(found.histogram.with_hint(Hint.UNKNOWN)) == expected


def test_what_is_finer_than_we_store_is_brought_down() -> None:
    fine = varint(1, 2) + signed(5, 10) + message(12, signed(1, 1), varint(2, 2)) + packed(13, [1, 0])
    (found,) = parse_protobuf(body(family("h", HISTOGRAM, message(7, fine))))[2:]
    assert isinstance(found, HistogramSeries)
    assert format_histogram(found.histogram) == "{{schema:8 count:2 offset:1 buckets:[2]}}"


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (ParseOptions(), ["h"]),
        (ParseOptions(ignore_native_histograms=True), ["h_count", "h_sum", "h_bucket", "h_bucket", "h_bucket"]),
        (
            ParseOptions(keep_classic_on_classic_and_native_histograms=True),
            ["h", "h_count", "h_sum", "h_bucket", "h_bucket", "h_bucket"],
        ),
    ],
)
def test_a_histogram_that_is_classic_and_native(options: ParseOptions, names: list[str]) -> None:
    entries = parse_protobuf(body(family("h", HISTOGRAM, message(7, NATIVE, CLASSIC))), options)[2:]
    assert [one.labels["__name__"] for one in entries if isinstance(one, Series | HistogramSeries)] == names


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_in_order(data: bytes) -> None:
    try:
        parse_protobuf(data)
    except ExpositionError:
        return


@given(st.data())
def test_a_body_that_is_cut_off_is_refused(data: st.DataObject) -> None:
    whole = body(family("h", HISTOGRAM, label("a", "b") + message(7, NATIVE, CLASSIC)))
    with pytest.raises(ExpositionError):
        parse_protobuf(whole[: data.draw(st.integers(1, len(whole) - 1))])


@pytest.mark.parametrize(
    "histogram",
    [
        varint(1, 1) + message(12, signed(1, 0), varint(2, 1 << 40)) + packed(13, [1]),
        varint(1, 1) + message(12, signed(1, 0), varint(2, 2)) + packed(13, [1]),
        varint(1, 1) + signed(5, 60) + message(12, signed(1, 0), varint(2, 1)) + packed(13, [1]),
        varint(1, 1) + message(12, signed(1, 1 << 40), varint(2, 1)) + packed(13, [1]),
    ],
)
def test_histograms_that_make_no_sense_are_refused(histogram: bytes) -> None:
    with pytest.raises(ExpositionError):
        parse_protobuf(body(family("h", HISTOGRAM, message(7, histogram))))


@given(st.lists(st.integers(-(1 << 62), 1 << 62)), st.lists(st.integers(-64, 63)))
def test_packed_numbers_read_back(large: list[int], small: list[int]) -> None:
    for numbers in (large, small, small + large):
        ((number, kind, value),) = fields(packed(13, numbers))
        assert (number, signed_varints(kind, value)) == (13, numbers)
