from __future__ import annotations

from datetime import date

import pytest
from narthex_sql.rows import groups_of

from narthex.errors import DiscoveryError


def test_a_row_is_a_target_and_a_column_a_label():
    (group,) = groups_of(["ADDRESS", "Data Center", "rack"], [("10.0.0.1:9100", "fra", 7)])
    assert group.source == "10.0.0.1:9100"
    assert group.targets == ({"__address__": "10.0.0.1:9100", "__meta_sql_data_center": "fra", "__meta_sql_rack": "7"},)


def test_null_leaves_the_label_out():
    (group,) = groups_of(["address", "rack"], [("a:1", None)])
    assert group.targets == ({"__address__": "a:1"},)


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (1.5, "1.5"), (b"bytes", "bytes"), (date(2030, 1, 2), "2030-01-02"), ("", "")]
)
def test_values_become_text(value, text):
    (group,) = groups_of(["address", "x"], [("a:1", value)])
    assert group.targets[0]["__meta_sql_x"] == text


def test_rows_of_one_address_are_one_group_and_equal_rows_one_target():
    rows = [("a:1", "x"), ("b:1", "x"), ("a:1", "y"), ("a:1", "x")]
    first, second = groups_of(["address", "service"], rows)
    assert [one["__meta_sql_service"] for one in first.targets] == ["x", "y"]
    assert second.source == "b:1"


@pytest.mark.parametrize(
    ("columns", "rows", "problem"),
    [
        (["host", "port"], [], "no column is named address; the query answers host, port"),
        (["address", "a b", "a_b"], [], "two columns give __meta_sql_a_b"),
        (["address"], [("a:1",), (None,)], "row 2 has no address"),
        (["address"], [("",)], "row 1 has no address"),
    ],
)
def test_what_gives_no_targets_is_an_error(columns, rows, problem):
    with pytest.raises(DiscoveryError, match=problem):
        groups_of(columns, rows)
