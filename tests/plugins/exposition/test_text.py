import contextlib

import hypothesis.strategies as st
import pytest
from hypothesis import given

from narthex.errors import ExpositionError
from narthex.model.labels import quote
from narthex.scrape.exposition import Comment, Help, Series, Type
from narthex_plugins.exposition import ParseOptions, parse_text
from narthex_plugins.exposition.text import read_timestamp


def samples(text, **options):
    entries = parse_text(text.encode(), ParseOptions(**options))
    return [entry for entry in entries if isinstance(entry, Series)]


def test_what_a_line_means():
    assert parse_text(b"# HELP a Some\\nhelp \\\\.\n# TYPE a untyped\n# free\n\n \ta 1\n") == [
        Help("a", "Some\nhelp \\."),
        Type("a", "unknown"),
        Comment("# free"),
        Series("a", {"__name__": "a"}, 1.0),
    ]


@pytest.mark.parametrize(
    "text",
    [
        'a{b="x"} 1',
        'a{b="x",} 1',
        'a { b = "x" , } 1',
        'a{b="x"}1',
        '{"a",b="x"} 1',
        '{b="x","a"} 1',
        'a{"b"="x"}\t1',
        'a{b="x"} 1 ',
    ],
)
def test_ways_to_write_one_series(text):
    (one,) = samples(text)
    assert one.labels == {"__name__": "a", "b": "x"}
    assert one.value == 1


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "a\n1",
        "1",
        "{} 1",
        '{b="x"} 1',
        '{"a","b"} 1',
        'a{"b"} 1',
        "a{b} 1",
        "a{b=x} 1",
        'a{b="x} 1',
        'a{b="x",,} 1',
        'a{b="1",b="2"} 1',
        "a 1 2 3",
        "a 1 x",
        "a 1 1.5",
        "a 1\r",
        "# TYPE a gauge ",
        "# TYPE a",
        "# TYPE a  gauge",
        "# TYPE a thing",
        "# HELP 1 x",
    ],
)
def test_what_is_no_line(text):
    with pytest.raises(ExpositionError, match="line 2"):
        parse_text(f"ok 1\n{text}\n".encode())


@pytest.mark.parametrize("text", [b'a{b="\xff"} 1', b"# HELP a \xff"])
def test_only_utf8_is_text(text):
    with pytest.raises(ExpositionError, match="UTF-8"):
        parse_text(text)


def test_a_comment_may_hold_any_bytes():
    assert len(parse_text(b"# caf\xe9\na 1\n")) == 2


@pytest.mark.parametrize(
    ("given_text", "bound"),
    [
        ("1", "1.0"),
        ("0.5", "0.5"),
        ("1e6", "1e+06"),
        ("123456789", "1.23456789e+08"),
        ("0.00001", "1e-05"),
        ("0.0001", "0.0001"),
        ("100000", "100000.0"),
        ("-0", "-0.0"),
        ("+Inf", "+Inf"),
        ("inf", "+Inf"),
        ("-INF", "-Inf"),
        ("nan", "NaN"),
        ("abc", "abc"),
        ("", ""),
        ("1_0", "1_0"),
    ],
)
def test_bounds_are_spelt_as_go_spells_them(given_text, bound):
    (one,) = samples(f'# TYPE a histogram\na_bucket{{le="{given_text}"}} 1\n')
    assert one.labels["le"] == bound
    (other,) = samples(f'# TYPE a gauge\na{{le="{given_text}"}} 1\n')
    assert other.labels["le"] == given_text


def test_type_labels_come_from_the_line_above():
    one, other = samples("# TYPE a gauge\na 1\n# TYPE b untyped\nb 1\n", enable_type_and_unit_labels=True)
    assert one.labels == {"__name__": "a", "__type__": "gauge"}
    assert other.labels == {"__name__": "b"}


NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,5}", fullmatch=True)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)


@given(
    st.lists(
        st.tuples(
            NAMES,
            st.dictionaries(st.one_of(NAMES, TEXTS.filter(bool)), TEXTS, max_size=3),
            st.floats(allow_nan=False),
            st.none() | st.integers(-(2**53), 2**53),
        ),
        max_size=5,
    )
)
def test_what_is_written_is_read(written):
    lines = []
    for name, labels, value, when in written:
        pairs = ",".join(f"{quote(label)}={quote(text)}" for label, text in labels.items())
        lines.append(f"{name}{{{pairs}}} {value!r}{'' if when is None else f' {when}'}\n")
    expected = [({"__name__": name, **labels}, value, when) for name, labels, value, when in written]
    assert [(one.labels, one.value, one.timestamp) for one in samples("".join(lines))] == expected


@given(st.binary(max_size=60) | st.text(alphabet='a{}="\\,# 1\n\t', max_size=60).map(str.encode))
def test_nothing_else_than_an_exposition_error_comes_out(body):
    with contextlib.suppress(ExpositionError):
        parse_text(body)


@pytest.mark.parametrize(("written_time", "read_time"), [("9" * 30, 1 << 62), ("-" + "9" * 30, -(1 << 62)), ("-5", -5)])
def test_a_timestamp_fits_64_bits(written_time, read_time):
    (sample,) = parse_text(f"a 1 {written_time}\n".encode())
    assert sample.timestamp == read_time == read_timestamp(written_time.encode())
