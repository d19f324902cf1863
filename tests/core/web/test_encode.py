import math

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.model.histogram import Histogram
from narthex.model.labeltable import LabelTable
from narthex.model.number import format_value, value_texts
from narthex.promql.value import InstantVector, RangeVector, Scalar, String
from narthex.web.encode import encode_value, metric_texts, time_text


@pytest.mark.parametrize(
    ("time", "text"), [(0, "0"), (1, "0.001"), (100, "0.100"), (1001, "1.001"), (-1, "-0.001"), (-1500, "-1.500")]
)
def test_timestamps_have_no_or_three_decimals(time: int, text: str) -> None:
    assert time_text(time) == text


@given(st.floats())
def test_a_value_reads_back_as_itself(value: float) -> None:
    text = format_value(value)
    again = float(text)
    assert again == value or (math.isnan(again) and math.isnan(value))


@pytest.mark.parametrize(
    ("value", "text"),
    [(1e-7, "1e-07"), (1e-6, "0.000001"), (1e20, "100000000000000000000"), (1e21, "1e+21"), (-0.0, "-0"), (0.1, "0.1")],
)
def test_exponents_begin_where_go_begins_them(value: float, text: str) -> None:
    assert format_value(value) == text


@given(st.lists(st.floats()))
def test_printing_an_array_is_printing_its_members(values: list[float]) -> None:
    assert value_texts(np.array(values, dtype=np.float64)) == [format_value(value) for value in values]


labels = st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=4)


@given(st.lists(labels, max_size=6))
def test_label_sets_are_written_with_their_names_in_order(sets: list[dict[str, str]]) -> None:
    found = [orjson.loads(text) for text in metric_texts(LabelTable.of(sets))]
    assert found == [{name: value for name, value in one.items() if value} for one in sets]
    assert all(list(one) == sorted(one) for one in found)


def test_a_matrix_shares_no_sample_between_series() -> None:
    table = LabelTable.of([{"a": "1"}, {"a": "2"}])
    matrix = RangeVector(table, np.array([0, 2, 3]), np.array([1000, 2000, 1000]), np.array([1.0, math.nan, math.inf]))
    assert orjson.loads(encode_value(matrix)) == {
        "resultType": "matrix",
        "result": [
            {"metric": {"a": "1"}, "values": [[1, "1"], [2, "NaN"]]},
            {"metric": {"a": "2"}, "values": [[1, "+Inf"]]},
        ],
    }


some_times = st.lists(st.integers(0, 5000), min_size=1, max_size=3, unique=True).map(sorted)


@given(st.lists(some_times, max_size=3) | st.builds(lambda times, rows: [times] * rows, some_times, st.integers(1, 4)))
def test_every_series_has_its_own_times(series: list[list[int]]) -> None:
    """Equal for all, or of any number."""
    table = LabelTable.of([{"n": "%s" * (at + 1)} for at in range(len(series))])
    flat = [time for times in series for time in times]
    matrix = RangeVector(
        table, np.cumsum([0, *map(len, series)]), np.array(flat, dtype=np.int64), np.arange(len(flat)) / 2
    )
    found = orjson.loads(encode_value(matrix))["result"]
    assert [one["metric"] for one in found] == [{"n": "%s" * (at + 1)} for at in range(len(series))]
    points = [tuple(point) for one in found for point in one["values"]]
    assert points == [(time / 1000, format_value(at / 2)) for at, time in enumerate(flat)]
    assert [len(one["values"]) for one in found] == list(map(len, series))


def test_the_other_kinds_of_value() -> None:
    vector = InstantVector(LabelTable.of([{}]), np.array([1.5]), 1500)
    assert encode_value(vector) == b'{"resultType":"vector","result":[{"metric":{},"value":[1.500,"1.5"]}]}'
    assert encode_value(Scalar(2.0, 1000)) == b'{"resultType":"scalar","result":[1,"2"]}'
    assert encode_value(String('a"b', 0)) == b'{"resultType":"string","result":[0,"a\\"b"]}'


def test_a_series_may_have_numbers_and_histograms() -> None:
    held = np.array([None, Histogram(count=2.0, sum=3.0)], dtype=np.object_)
    labels = LabelTable.of([{"a": "b"}])
    mixed = RangeVector(labels, np.array([0, 2]), np.array([0, 1000]), np.array([1.5, 0.0]), held)
    assert orjson.loads(encode_value(mixed))["result"] == [
        {"metric": {"a": "b"}, "values": [[0, "1.5"]], "histograms": [[1, {"count": "2", "sum": "3"}]]}
    ]
    one = InstantVector(labels, np.array([0.0]), 2000, held[1:])
    assert orjson.loads(encode_value(one))["result"] == [
        {"metric": {"a": "b"}, "histogram": [2, {"count": "2", "sum": "3"}]}
    ]


def test_an_empty_answer_is_an_empty_list() -> None:
    times, values = np.zeros(0, dtype=np.int64), np.zeros(0)
    nothing = RangeVector(LabelTable.of([]), np.zeros(1, dtype=np.int64), times, values, None)
    assert encode_value(nothing) == b'{"resultType":"matrix","result":[]}'


@pytest.mark.parametrize(
    ("value", "text"), [(1e21, "1" + "0" * 21), (1e-7, "0.0000001"), (math.inf, "+Inf"), (-0.0, "-0"), (0.1, "0.1")]
)
def test_a_scalar_has_no_exponent(value: float, text: str) -> None:
    assert encode_value(Scalar(value, 1500)) == f'{{"resultType":"scalar","result":[1.500,"{text}"]}}'.encode()
