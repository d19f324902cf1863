import hypothesis.strategies as st
import pytest
from hypothesis import given

from narthex.errors import ExpositionError
from narthex.scrape.exposition import EndOfBody, Exemplar, Help, Series, Type, Unit
from narthex_plugins.exposition import ParseOptions, parse_openmetrics


def read(text, **options):
    return parse_openmetrics(text.encode(), ParseOptions(**options))


def test_what_a_body_means():
    text = (
        '# TYPE a_seconds counter\n# UNIT a_seconds seconds\n# HELP a_seconds Some \\"help\\".\n'
        'a_seconds_total{b="c"} 1 1.5 # {id="x"} 0.5 2.25\n# EOF\n'
    )
    labels = {"__name__": "a_seconds_total", "b": "c"}
    assert read(text) == [
        Type("a_seconds", "counter"),
        Unit("a_seconds", "seconds"),
        Help("a_seconds", 'Some "help".'),
        Series('a_seconds_total{b="c"}', labels, 1.0, 1500, None, (Exemplar({"id": "x"}, 0.5, 2250),)),
        EndOfBody(),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "",
        " a 1",
        "a  1",
        "a 1 ",
        "a\t1",
        'a {b="c"} 1',
        'a{b="c", d="e"} 1',
        'a{b="c"d="e"} 1',
        "a 1 nan",
        "a 1 # {} 1 inf",
        "a 1 # 1",
        "a 1 #{} 1",
        "# TYPE a untyped",
        "# UNIT a seconds",
        "# HELP a",
        "# comment",
        "#EOF",
    ],
)
def test_what_is_no_line(line):
    with pytest.raises(ExpositionError, match="line 2"):
        read(f"ok 1\n{line}\n# EOF\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a 1\n", "does not end"),
        ("", "does not end"),
        ("# EOF\na 1\n", "line 2: data behind"),
        ("# EOF\n\n", "data behind"),
    ],
)
def test_the_end_mark_ends_the_body(text, message):
    with pytest.raises(ExpositionError, match=message):
        read(text)


def test_created_samples_become_start_timestamps_of_their_siblings():
    text = (
        "# TYPE a counter\n"
        'a_total{x="1"} 1\na_total{x="2"} 2\na_created{x="1"} 10\na_created{x="2"} 20\n'
        "# TYPE b gauge\nb_created 1\n# EOF\n"
    )
    plain = [entry.series for entry in read(text) if isinstance(entry, Series)]
    assert len(plain) == 5
    joined = [entry for entry in read(text, skip_start_timestamp_series=True) if isinstance(entry, Series)]
    assert [(entry.series, entry.start_timestamp) for entry in joined] == [
        ('a_total{x="1"}', 10_000),
        ('a_total{x="2"}', 20_000),
        ("b_created", None),
    ]


@pytest.mark.parametrize("created", ["NaN", "+Inf", "-Inf", "1e300"])
def test_a_start_that_cannot_be_is_none(created):
    entries = read(f"# TYPE a counter\na_total 1\na_created {created}\n# EOF\n", skip_start_timestamp_series=True)
    assert [(one.series, one.start_timestamp) for one in entries if isinstance(one, Series)] == [("a_total", None)]


def test_the_end_mark_is_missed_behind_the_last_line():
    with pytest.raises(ExpositionError, match="does not end with # EOF") as caught:
        read("a 1\nb 2\n")
    assert caught.value.line == 3  # so that the samples before it are counted


def test_the_last_of_two_equal_labels_of_an_exemplar_counts():
    (sample, _) = read('a_total 1 # {b="c",b="d"} 1\n# EOF\n')
    assert sample.exemplars == (Exemplar({"b": "d"}, 1.0, None),)


@given(st.binary(max_size=60) | st.text(alphabet='a{}="\\,# 1\n\t', max_size=60).map(str.encode))
def test_nothing_else_than_an_exposition_error_comes_out(body):
    try:
        parse_openmetrics(body + b"\n# EOF\n")
    except ExpositionError:
        return
    with pytest.raises(ExpositionError):
        parse_openmetrics(body + b"\n")


@pytest.mark.parametrize(("seconds", "read_time"), [("1e300", 1 << 62), ("-1e300", -(1 << 62)), ("-1.5", -1500)])
def test_timestamps_fit_64_bits(seconds, read_time):
    sample, _ = read(f'a_total 1 {seconds} # {{b="c"}} 1 {seconds}\n# EOF\n')
    assert sample.timestamp == sample.exemplars[0].timestamp == read_time
