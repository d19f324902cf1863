from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.config.document import parse_json, parse_yaml
from narthex.errors import ConfigError


def problem(text, parse=parse_yaml):
    with pytest.raises(ConfigError) as caught:
        parse(text, "f.yml")
    (only,) = caught.value.problems
    return str(only)


def test_scalars_keep_their_text_and_know_their_place():
    root = parse_yaml("a: on\nb:   012\n", "f.yml").root
    (_, first), (_, second) = root.value
    assert (first.value, first.line, first.column) == ("on", 1, 4)
    assert (second.value, second.line, second.column) == ("012", 2, 6)


def test_quotes_and_tags_tell_text_from_null():
    root = parse_yaml("[null, 'null', ~, '', !!str null, ]", "f.yml").root
    assert [one.is_null for one in root.value] == [True, False, True, False, False]


def test_an_alias_is_the_anchored_node_itself():
    root = parse_yaml("a: &x [1]\nb: *x\n", "f.yml").root
    assert root.value[0][1] is root.value[1][1]


def test_an_empty_file_has_no_root():
    assert parse_yaml("# nothing\n", "f.yml").root is None


def test_only_the_first_document_is_read():
    document = parse_yaml("a: 1\n---\nb: 2\n", "f.yml")
    assert document.more
    assert document.root.value[0][0].value == "a"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a: [1\nb: 2\n",
            "f.yml:2:2: YAML syntax error: did not find expected ',' or ']', while parsing a flow sequence",
        ),
        ("a: *x", "f.yml:1:4: unknown anchor 'x'"),
        (
            "a: \tb\n\tc: 1",
            "f.yml:2:1: YAML syntax error: found a tab, expected spaces: YAML indents with spaces only",
        ),
        (b"a: 1\nb: \xff\n", "f.yml:2:4: text is not valid UTF-8"),
        ("a: 1\nb: x\x01\n", "f.yml:2:5: character U+0001 is not allowed in YAML"),
    ],
)
def test_broken_yaml_is_refused_with_its_place(text, message):
    assert problem(text) == message


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "- " * 10_000, "? " * 10_000])
def test_deep_nesting_is_refused_before_anything_recurses(text):
    assert "nested deeper than 200 levels" in problem(text)


def test_json_becomes_the_same_tree():
    root = parse_json('{"a": [1, "1", true, null]}', "f.json").root
    assert [(one.value, one.plain, one.is_null) for one in root.value[0][1].value] == [
        ("1", True, False), ("1", False, False), ("true", True, False), ("null", True, True)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1,\n}', "f.yml:2:1: JSON syntax error: Expecting property name enclosed in double quotes"),
        ("[NaN]", "f.yml: JSON syntax error: NaN is not allowed in JSON"),
        ("[" * 100_000, "f.yml: nested deeper than 200 levels"),
        ("[" * 300 + "]" * 300, "f.yml: nested deeper than 200 levels"),
    ],
)
def test_broken_json_is_refused(text, message):
    assert problem(text, parse_json) == message


@given(st.text(max_size=60) | st.binary(max_size=60))
def test_any_input_is_read_or_refused(text):
    for parse in (parse_yaml, parse_json):
        with suppress(ConfigError):
            assert parse(text, "f").size >= 0
