from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from narthex.model.labeltable import LabelTable
from narthex_plugins.tsdb.blocks.hashing import pair_hash, set_hash, set_hashes
from narthex_plugins.tsdb.blocks.labels import order_of
from narthex_plugins.tsdb.blocks.tables import joined

LABELS = st.lists(
    st.dictionaries(st.sampled_from(["__name__", "a", "b"]), st.sampled_from(["", "x", "y", "ä", "z"]), max_size=3),
    max_size=6,
)


def plain(table: LabelTable) -> list[dict[str, str]]:
    return [one.as_dict() for one in table.all_labels()]


def present(labels: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{name: value for name, value in one.items() if value} for one in labels]


@given(st.lists(LABELS, min_size=1, max_size=4), st.booleans())
def test_tables_come_one_below_the_other(several: list[list[dict[str, str]]], indexed: bool) -> None:
    tables = [LabelTable.of(one) for one in several]
    index = {name: {v: c for c, v in enumerate(one.dictionary)} for name, one in tables[0].columns.items()}
    before = [list(one.dictionary) for one in tables[0].columns.values()]
    found = joined(tables, index if indexed else None)
    assert plain(found) == present([one for own in several for one in own])
    assert all(len(set(one.dictionary)) == len(one.dictionary) for one in found.columns.values())
    assert [list(one.dictionary) for one in tables[0].columns.values()] == before


@given(LABELS)
def test_the_hash_of_a_row_is_that_of_its_labels(labels: list[dict[str, str]]) -> None:
    assert set_hashes(LabelTable.of(labels)).tolist() == [set_hash(one) for one in present(labels)]


def test_names_and_values_are_told_apart() -> None:
    assert pair_hash("ab", "c") != pair_hash("a", "bc")
    assert pair_hash("a", "") == 0
    assert set_hash({"a": "b", "c": "d"}) != set_hash({"a": "d", "c": "b"})


@given(LABELS)
def test_the_order_is_by_metric_then_by_the_other_labels(labels: list[dict[str, str]]) -> None:
    order, table = order_of(LabelTable.of(labels))
    assert plain(table) == [present(labels)[one] for one in order.tolist()]
    keys = [tuple(one.get(name, "").encode() for name in ("__name__", "a", "b")) for one in plain(table)]
    assert keys == sorted(keys)
