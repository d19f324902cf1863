"""Reading numbers as Go's ``strconv.ParseFloat`` does."""

import math

import pytest

from narthex.model.number import parse_float


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1.0),
        ("-.5e-1", -0.05),
        ("1_000.2_5", 1000.25),
        ("0x1.8p1", 3.0),
        ("0X_ap-1", 5.0),
        ("1e-400", 0.0),
        ("+Inf", math.inf),
        ("-infinity", -math.inf),
    ],
)
def test_reads_what_go_reads(text, expected):
    assert parse_float(text) == expected


def test_reads_not_a_number():
    assert math.isnan(parse_float("nan"))


@pytest.mark.parametrize(
    "text", ["", ".", "+", " 1", "1 ", "1_", "_1", "1__0", "1_.5", "1e", "0x1", "0x.p1", "-nan", "0b1", "٣"]
)
def test_refuses_what_go_refuses(text):
    with pytest.raises(ValueError, match="invalid syntax"):
        parse_float(text)


@pytest.mark.parametrize("text", ["1e400", "-1e400", "0x1p5000"])
def test_refuses_what_is_too_large(text):
    with pytest.raises(ValueError, match="value out of range"):
        parse_float(text)
