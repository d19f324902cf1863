"""What is recorded of an expression's answer."""

import numpy as np
import pytest

from narthex.errors import RuleError
from narthex.model.histogram import parse_histogram
from narthex.model.labels import Labels
from narthex.model.labeltable import LabelTable
from narthex.promql.value import InstantVector, Scalar, String
from narthex.rules.recording import recorded, template_values


def vector(*labels):
    return InstantVector(LabelTable.of(labels), np.arange(len(labels), dtype=np.float64), 0)


def test_name_is_set_and_rule_labels_overwrite_or_delete():
    value = vector({"__name__": "m", "a": "1", "b": "2", "c": "3"})
    result = recorded(value, "r", {"a": "x", "b": "", "d": "4"}, 0)
    assert result.labels.all_labels() == [Labels({"__name__": "r", "a": "x", "c": "3", "d": "4"})]
    assert result.values.tolist() == [0.0]


def test_scalar_is_recorded_as_one_element():
    result = recorded(Scalar(2.5, 0), "r", {}, 0)
    assert result.labels.all_labels() == [Labels({"__name__": "r"})]
    assert result.values.tolist() == [2.5]


def test_text_cannot_be_recorded():
    with pytest.raises(RuleError, match="not a vector or scalar"):
        recorded(String("x", 0), "r", {}, 0)


def test_series_that_become_equal_are_an_error():
    with pytest.raises(RuleError, match="same labelset after applying rule labels"):
        recorded(vector({"a": "1"}, {"a": "2"}), "r", {"a": "x"}, 0)
    with pytest.raises(RuleError, match="same labelset after applying rule labels"):
        recorded(vector({"__name__": "m"}, {"__name__": "n"}), "r", {}, 0)


def test_limit():
    value = vector({"a": "1"}, {"a": "2"})
    assert recorded(value, "r", {}, 2).labels.rows == 2
    assert recorded(value, "r", {}, -1).labels.rows == 2
    with pytest.raises(RuleError, match="exceeded limit of 1 with 2 series"):
        recorded(value, "r", {}, 1)


def test_empty_answer_is_recorded_as_nothing():
    result = recorded(vector(), "r", {"a": "x"}, 0)
    assert result.labels.rows == 0
    assert len(result.values) == 0


def test_histograms_are_recorded_and_shown_to_templates_as_text():
    histograms = np.array([None, parse_histogram("{{count:3 sum:4 buckets:[3]}}")], dtype=np.object_)
    value = InstantVector(LabelTable.of([{"a": "1"}, {"a": "2"}]), np.array([7.0, 0.0]), 0, histograms)
    result = recorded(value, "r", {}, 0)
    assert result.histograms is histograms
    number, shown = template_values(result)
    assert number == 7.0
    assert shown.go_text() == "{count:3, sum:4, (0.5,1]:3}"
