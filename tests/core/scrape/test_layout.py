import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import example, given, settings

from narthex.errors import ExpositionError
from narthex.model.sample import NORMAL_NAN_BITS
from narthex.scrape.exposition import Series, number
from narthex.scrape.layout import Layout
from narthex.scrape.lines import NEVER, numbers, one_value
from narthex.scrape.templates import Common
from narthex_plugins.exposition import OPENMETRICS, TEXT


def prefix_of(line):
    """As the cache knows it of a line that was read: everything up to the value."""
    return NEVER if line[:1] in {b"#", b""} or b" " not in line else line[: line.rindex(b" ") + 1]


def layout_of(body):
    lines = body.split(b"\n")
    return Layout(lines, [prefix_of(line) for line in lines])


BODY = b'# HELP a x\n# TYPE a counter\na{b="1"} 1\na{b="} 2"} 2.5\n\nc 7\n# TYPE d gauge\nd 1e3\n# EOF\n'


def test_values_are_read_in_order():
    assert layout_of(BODY).read(BODY).tolist() == [1, 2.5, 7, 1000]
    other = b'# HELP a x\n# TYPE a counter\na{b="1"} 19\na{b="} 2"} -0\n\nc NaN\n# TYPE d gauge\nd +Inf\n# EOF\n'
    values = layout_of(BODY).read(other)
    assert values[0] == 19
    assert math.copysign(1, values[1]) == -1
    assert values[2:3].view(np.int64)[0] == NORMAL_NAN_BITS
    assert values[3] == math.inf


def test_layouts_of_bodies_that_differ_in_values_only_are_the_same():
    common = Common()
    first = common.share(layout_of(BODY))
    assert common.share(layout_of(BODY.replace(b" 7\n", b" 8.5\n"))) is first
    assert common.share(layout_of(BODY.replace(b"c 7", b"cc 7"))) is not first


def test_a_layout_without_samples_and_one_without_a_last_newline():
    assert layout_of(b"# a\n").read(b"# a\n").tolist() == []
    assert layout_of(b"# a\n").read(b"# b\n") is None
    assert layout_of(b"a 1\nb 2").read(b"a 3\nb 4").tolist() == [3, 4]
    assert layout_of(b"a 1\nb 2").read(b"a 3\nb 4\n") is None
    assert layout_of(b"a 1\nb 2\n").read(b"a 3\nb 4") is None


def test_what_is_more_than_a_number_stands_in_the_layout_as_it_is():
    lines = [b"a 1 500", b"b 2", b""]
    layout = Layout(lines, [b"a ", b"b ", NEVER])
    assert layout.places.tolist() == [1]
    assert layout.prefixes() == [b"b "]
    assert layout.read(b"a 1 500\nb 3\n").tolist() == [3]
    assert layout.read(b"a 1 501\nb 3\n") is None


# --- no edit of a body is ever misread --------------------------------------------------------------------------------

EDITS = st.lists(
    st.tuples(
        st.sampled_from(["replace", "insert", "delete", "cut", "copy"]),
        st.integers(0, 200),
        st.sampled_from([bytes([one]) for one in b'0129.eE+-_ \n\t\r{}",#aNnifx\x00\xff']),
    ),
    min_size=1,
    max_size=6,
)


def edited(body, edits):
    for kind, where, byte in edits:
        at = where % (len(body) + 1)
        if kind == "replace":
            body = body[:at] + byte + body[at + 1 :]
        elif kind == "insert":
            body = body[:at] + byte + body[at:]
        elif kind == "delete":
            body = body[:at] + body[at + 1 :]
        elif kind == "cut":
            body = body[:at] + body[at + 9 :]
        else:
            body = body[:at] + body[max(0, at - 11) : at] + body[at:]
    return body


def read_in_earnest(body, kind):
    try:
        entries = kind.parse(body, "")
    except ExpositionError:
        return None
    return [
        (one.series, NORMAL_NAN_BITS if math.isnan(one.value) else int(np.float64(one.value).view(np.int64)))
        for one in entries
        if isinstance(one, Series)
    ]


@settings(max_examples=600, deadline=None)
@given(EDITS, st.sampled_from([TEXT, OPENMETRICS]))
@example([("replace", 42, b"\n"), ("delete", 44, b"0")], TEXT)
def test_a_body_that_a_layout_reads_means_what_the_parser_says(edits, kind):
    body = edited(BODY if kind is TEXT else BODY.replace(b"\n\n", b"\n").replace(b"a{", b"a_total{"), edits)
    layout = layout_of(BODY if kind is TEXT else BODY.replace(b"\n\n", b"\n").replace(b"a{", b"a_total{"))
    values = layout.read(body)
    if values is not None:
        series = [prefix[:-1].decode() for prefix in layout.prefixes()]
        assert read_in_earnest(body, kind) == list(zip(series, values.view(np.int64).tolist(), strict=True))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.floats(width=64) | st.integers(-(10**25), 10**25), min_size=4, max_size=4))
def test_every_number_is_read_by_the_layout(values):
    texts = ["NaN" if math.isnan(value) else repr(value).replace("inf", "Inf") for value in values]
    lines = [prefix + text.encode() for prefix, text in zip(layout_of(BODY).prefixes(), texts, strict=True)]
    head, tail = BODY.split(b'a{b="1"}')[0], b"# EOF\n"
    body = head + lines[0] + b"\n" + lines[1] + b"\n\n" + lines[2] + b"\n# TYPE d gauge\n" + lines[3] + b"\n" + tail
    found = layout_of(BODY).read(body)
    assert found.view(np.int64).tolist() == [
        NORMAL_NAN_BITS if text == "NaN" else int(np.float64(text).view(np.int64)) for text in texts
    ]


WORDS = st.text(alphabet="0123456789+-.eE_ naNiIfF,x", max_size=8).map(str.encode)
LIKELY = st.sampled_from([b"1", b"-0", b"NaN", b"+Inf", b".5", b"1.", b"01", b"1e999", b"null", b"infinity", b"1_0"])


@settings(max_examples=600, deadline=None)
@given(st.lists(WORDS | LIKELY, min_size=1, max_size=4))
@example([b"N", b"aN"])
@example([b"1", b"2,3"])
def test_numbers_are_taken_as_the_parser_takes_them_one_by_one(texts):
    alone = [one_value(text) for text in texts]
    found = numbers(b"".join(text + b"\n" for text in texts), len(texts))
    if found is not None:
        assert None not in alone
        assert found.view(np.int64).tolist() == [int(np.float64(one).view(np.int64)) for one in alone]
    elif None not in alone:
        pytest.fail(f"refused {texts}, which are numbers: {[number(text) for text in texts]}")
