import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.config.durations import (
    duration_fault,
    format_duration,
    format_size,
    parse_duration,
    parse_integer,
    parse_size,
)
from narthex.config.types import Count, Duration, Size


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("0", 0),
        ("90s", 90_000),
        ("1h30m", 5_400_000),
        ("1y", 31_536_000_000),
        ("1w1d", 691_200_000),
        ("0s", 0),
        ("5ms", 5),
    ],
)
def test_durations_are_read(text, milliseconds):
    assert Duration.parse(text) == milliseconds


@pytest.mark.parametrize("text", ["", "5", "-5m", "1.5h", "1m1h", "1s1s", "1 h", "m", "1H", "\u0661s", "1s\n"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="expected a duration such as 30s or 1h30m, got") as caught:
        parse_duration(text)
    assert repr(text) in str(caught.value)


def test_a_duration_beyond_292_years_is_out_of_range():
    assert parse_duration("292y") > 0
    with pytest.raises(ValueError, match=r"^duration '293y' is out of range$"):
        parse_duration("293y")


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0s"),
        (90_000, "1m30s"),
        (90 * 86_400_000, "90d"),
        (14 * 86_400_000, "2w"),
        (-1500, "-1s500ms"),
        (31_536_000_000, "1y"),
    ],
)
def test_durations_are_printed_with_weeks_and_years_only_where_exact(milliseconds, text):
    assert str(Duration(milliseconds)) == text


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "empty duration string"),
        ("5", "not a valid duration string: <5>"),
        ("h", "not a valid duration string: <h>"),
        ("1h1d", "not a valid duration string: <1h1d>"),
        ("1m1m", "not a valid duration string: <1m1m>"),
        ("2parsecs", "unknown unit <parsecs> in duration <2parsecs>"),
        ("1.5h", "unknown unit <.> in duration <1.5h>"),
        ("300y", "duration out of range"),
        ("292y52w", "duration out of range"),
    ],
)
def test_faults_are_told_as_prometheus_tells_them(text, fault):
    assert duration_fault(text, "<{}>".format) == fault
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@given(st.integers(min_value=-(10**12), max_value=10**12))
def test_a_printed_duration_reads_as_itself(milliseconds):
    assert parse_duration(format_duration(milliseconds), allow_negative=True) == milliseconds


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1B", 1),
        ("10MB", 10 << 20),
        ("7EB", 7 << 60),
        ("10MiB", 10 << 20),
        ("1.5KB", 1536),
        (".5GB", 1 << 29),
        ("+1MB512KB", 1536 << 10),
        ("1.0001KB", 1024),
    ],
)
def test_sizes_are_read(text, size):
    assert Size.parse(text) == size


@pytest.mark.parametrize("text", ["100", "-1GB", "1 KB", "KB", "1kb", "", "1iB", "1G", "1.KB.", "1MB2", ".B"])
def test_a_size_needs_its_unit(text):
    with pytest.raises(ValueError, match="expected a size with a unit of B, KB, MB, GB, TB, PB, EB, such as 10MB, got"):
        parse_size(text)


def test_a_size_beyond_63_bits_is_out_of_range():
    with pytest.raises(ValueError, match=r"^size '8EB' is out of range$"):
        parse_size("8EB")


@given(st.integers(min_value=0, max_value=(1 << 63) - 1))
def test_a_printed_size_reads_as_itself(size):
    assert parse_size(format_size(size)) == size


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("-3", -3),
        ("0x1F", 31),
        ("010", 8),
        ("08", 8),
        ("0o10", 8),
        ("0b11", 3),
        ("1_000", 1000),
        ("1e3", 1000),
        ("2.0", 2),
        ("0", 0),
    ],
)
def test_whole_numbers_in_every_notation_of_yaml(text, value):
    assert parse_integer(text) == value


@pytest.mark.parametrize("text", ["", "1.5", "ten", "0x", "1e-3", "--1", "1e400"])
def test_what_is_no_whole_number_is_refused(text):
    with pytest.raises(ValueError, match=r"^expected a whole number, got"):
        parse_integer(text)


@pytest.mark.parametrize("text", ["-1", str(1 << 64)])
def test_counts_are_not_negative_and_fit_in_64_bits(text):
    with pytest.raises(ValueError, match="expected a whole number that is not negative and fits in 64 bits"):
        Count.parse(text)
