from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from narthex.model.labels import Labels
from narthex.model.labeltable import LabelTable
from narthex.model.matcher import Matcher, MatchOp
from narthex_plugins.tsdb import records
from narthex_plugins.tsdb.hashindex import HashIndex
from narthex_plugins.tsdb.matching import Matching
from narthex_plugins.tsdb.sealed import columns_of
from narthex_plugins.tsdb.series import NewSeries, SeriesTable

names = st.sampled_from(["__name__", "a", "b", "c"])
values = st.sampled_from(["", "1", "2", "12", "é", "x"])
label_sets = st.lists(st.dictionaries(names, values).map(Labels), max_size=30)
matchers = st.lists(
    st.builds(Matcher, st.sampled_from(list(MatchOp)), names, st.sampled_from(["", "1", "1.*", ".+", "x|é"])),
    max_size=3,
)


@given(st.lists(label_sets, max_size=4))
def test_references_are_a_numbering_of_the_distinct_label_sets(batches: list[list[Labels]]) -> None:
    table, known = SeriesTable(), {}
    for batch in batches:
        refs = table.register(batch)
        for labels, ref in zip(batch, refs.tolist(), strict=True):
            assert known.setdefault(labels, ref) == ref
    assert sorted(known.values()) == list(range(len(known)))
    assert table.live == table.count == len(known)
    by_ref = {ref: labels for labels, ref in known.items()}
    assert table.table(table.references()).all_labels() == [by_ref[ref] for ref in sorted(by_ref)]


@given(label_sets, label_sets)
def test_rows_of_a_table_are_registered_as_label_sets_are(known: list[Labels], labels: list[Labels]) -> None:
    one, other = SeriesTable(), SeriesTable()
    for table in (one, other):
        table.register(known)
    assert one.register_table(LabelTable.of(labels)).tolist() == other.register(labels).tolist()
    assert one.table(one.references()).all_labels() == other.table(other.references()).all_labels()


@given(label_sets, matchers)
def test_matching_is_what_each_matcher_says_of_each_series(labels: list[Labels], wanted: list[Matcher]) -> None:
    table = SeriesTable()
    refs = table.register(labels)
    matching = Matching(table)
    expected = {
        r
        for one, r in zip(labels, refs.tolist(), strict=True)
        if all(m.matches(one.get_or_empty(m.name)) for m in wanted)
    }
    assert matching.refs(wanted).tolist() == sorted(expected)
    more = [one.with_labels({"a": "1 and more", "__name__": "later"}) for one in labels]
    table.register(more)  # values that the remembered verdicts do not cover yet
    found = table.table(matching.refs(wanted)).all_labels()
    assert set(found) == {one for one in [*labels, *more] if all(m.matches(one.get_or_empty(m.name)) for m in wanted)}


@given(label_sets, st.data())
def test_the_journal_and_a_snapshot_rebuild_the_table(labels: list[Labels], data: st.DataObject) -> None:
    table, journal = SeriesTable(), []
    table.journal = lambda new: journal.append(records.read_series(memoryview(records.series_payload(new))))
    cut = data.draw(st.integers(0, len(labels)))
    table.register(labels[:cut])
    table.register(labels[cut:])
    kept = np.array(
        sorted(data.draw(st.sets(st.sampled_from(range(table.count or 1)))) if table.count else ()), np.int64
    )
    for source, refs in ((journal, table.references()), ([table.snapshot(kept)], kept)):
        again = SeriesTable()
        for new in source:
            again.load(new)
        again.index(np.zeros(0, np.int64))
        assert again.references().tolist() == refs.tolist()
        assert again.table(refs).all_labels() == table.table(refs).all_labels()
        assert again.register(table.table(refs).all_labels()).tolist() == refs.tolist()
        # what is free is given out again, once
        fresh = again.register([Labels({"__name__": "new", "i": str(i)}) for i in range(5)])
        assert len({*fresh.tolist(), *refs.tolist()}) == 5 + len(refs)


def test_reserved_references_are_not_given_out_again() -> None:
    table = SeriesTable()
    table.load(NewSeries({"a": ["x"]}, ["a"], np.array([2]), np.array([[1]], np.int32)))
    table.index(np.array([0, 4]))
    assert table.register([Labels({"a": str(i)}) for i in range(3)]).tolist() == [1, 3, 5]


@given(st.lists(st.integers(0, 7), max_size=60))
def test_hashes_that_collide_are_told_apart(keys: list[int]) -> None:
    """All hashes equal: only the comparison decides."""
    index, stored = HashIndex(), []
    for key in keys:
        found = int(index.find(np.zeros(1, np.uint64), lambda refs, _, key=key: np.array(stored)[refs] == key)[0])
        if key in stored:
            assert stored[found] == key
        else:
            assert found == -1
            index.add(np.zeros(1, np.uint64), np.array([len(stored)]))
            stored.append(key)


def test_the_index_grows() -> None:
    index = HashIndex()
    hashes = np.random.default_rng(1).integers(0, 1 << 62, 50_000).astype(np.uint64)
    for at in range(0, 50_000, 5_000):
        index.add(hashes[at : at + 5_000], np.arange(at, at + 5_000))
    found = index.find(hashes, lambda refs, rows: refs == rows)
    assert (found == np.arange(50_000)).all()
    assert (index.find(hashes + np.uint64(1), lambda refs, rows: np.ones(len(refs), bool))[:100] == -1).all()


@given(st.sets(st.integers(0, 40)), st.lists(st.integers(0, 40), max_size=200))
def test_columns_are_found_by_every_way(wanted: set[int], known: list[int]) -> None:
    refs, column_refs = np.array(sorted(wanted), np.int64), np.array(sorted(known), np.int32)
    columns, places = columns_of(refs, column_refs)
    assert list(zip(columns.tolist(), places.tolist(), strict=True)) == [
        (i, refs.tolist().index(ref)) for i, ref in enumerate(column_refs.tolist()) if ref in wanted
    ]
