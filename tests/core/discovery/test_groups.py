from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.config.decode import decode_json
from narthex.discovery.groups import WireGroup, parse_json_groups, parse_yaml_groups, plain, sourced
from narthex.errors import ConfigError
from narthex.model.targetgroup import TargetGroup

scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
keys = st.sampled_from(["targets", "labels", "Targets", "LABELS", "port", ""])
values = scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.text(max_size=2), scalars, max_size=3)
lists = scalars | st.lists(scalars | st.dictionaries(keys, values, max_size=3), max_size=4)


def verdict(read, text):
    try:
        return read(text)
    except ConfigError as error:
        return str(error)


@given(lists.map(json.dumps) | st.text(alphabet='[]{}",:targetslbn01 ', max_size=40))
def test_the_quick_reader_says_what_the_careful_one_says(text):
    careful = verdict(lambda text: decode_json(tuple[WireGroup, ...], text, "list"), text)
    assert verdict(lambda text: parse_json_groups(text, "list"), text) == careful


def test_bytes_with_a_byte_order_mark_are_read_as_the_careful_reader_reads_them():
    assert parse_json_groups(b'\xef\xbb\xbf[{"targets": ["h:1"]}]', "list") == (WireGroup(("h:1",)),)


@pytest.mark.parametrize("text", ["[]", "null", ""])
def test_nothing_is_an_empty_list_in_yaml(text):
    assert parse_yaml_groups(text, "list") == ()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[{"targets": ["h:1"]}, null]', "list: [1]: empty or null list element"),
        ('[{"targets": ["h:1"], "port": 1}]', "unknown key 'port'"),
        ('[{"targets": [1]}]', "[0].targets[0]"),
        ('[{"targets": [], "targets": []}]', "duplicate key 'targets'"),
        ('[{"labels": {"": "x"}}]', "not a valid label name"),
        ('{"targets": []}', "expected a list"),
        ("[" * 100_000, "list:"),
        ("[1", "JSON syntax error"),
    ],
)
def test_what_is_wrong_is_named(text, complaint):
    with pytest.raises(ConfigError) as error:
        parse_json_groups(text, "list")
    assert complaint in str(error.value)


def test_groups_get_a_source_each_and_the_labels_of_their_origin():
    groups = parse_json_groups('[{"targets": ["a", "b"], "labels": {"k": "v", "from": "x"}}, {}]', "list")
    assert list(sourced("here", groups, {"from": "here"})) == [
        TargetGroup("here:0", ({"__address__": "a"}, {"__address__": "b"}), {"k": "v", "from": "here"}),
        TargetGroup("here:1", (), {"from": "here"}),
    ]


def test_a_group_is_printed_as_it_was_written():
    text = '[{"targets": ["a"], "labels": {"k": "v"}}, {"targets": ["b"]}]'
    assert [plain(group) for group in sourced("here", parse_json_groups(text, "list"), {})] == json.loads(text)


# --- leaving bad entries out -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("read", [parse_json_groups, parse_yaml_groups])
def test_bad_entries_can_be_left_out_and_the_others_keep_their_places(read):
    text = '[{"targets": ["a"]}, {"targets": ["b"], "port": 1}, null, 7, {"targets": ["c"]}]'
    skipped: list[str] = []
    groups = list(sourced("here", read(text, "list", skipped), {}))
    assert [(group.source, len(group.targets)) for group in groups] == [
        ("here:0", 1),
        ("here:1", 0),
        ("here:2", 0),
        ("here:3", 0),
        ("here:4", 1),
    ]
    assert [line.split(" of ")[0] for line in skipped] == ["entry 1", "entry 2", "entry 3"]
    assert "unknown key 'port'" in skipped[0]


@pytest.mark.parametrize("text", ['{"targets": []}', "7", '[{"targets": ["a"]'])
def test_what_is_no_list_is_refused_even_then(text):
    for read in (parse_json_groups, parse_yaml_groups):
        with pytest.raises(ConfigError):
            read(text, "list", [])


@given(lists.map(json.dumps))
def test_leaving_out_changes_nothing_where_nothing_is_bad(text):
    skipped: list[str] = []
    strict, lenient = (
        verdict(lambda text, more=more: parse_json_groups(text, "list", *more), text) for more in ((), (skipped,))
    )
    assert (strict == lenient) == (not skipped)
