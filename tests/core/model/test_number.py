from __future__ import annotations

import math

import pytest

from narthex.model.number import plain_text, shortest


@pytest.mark.parametrize(
    ("value", "short", "plain"),
    [
        (1.0, "1", "1"),
        (0.1, "0.1", "0.1"),
        (-2.5, "-2.5", "-2.5"),
        (1e21, "1e+21", "1000000000000000000000"),
        (-0.0, "-0", "-0"),
        (999999.0, "999999", "999999"),
        (1234567.0, "1.234567e+06", "1234567"),
        (9.3e18, "9.3e+18", "9300000000000000000"),
        (0.0001, "0.0001", "0.0001"),
        (1e-7, "1e-07", "0.0000001"),
        (math.inf, "+Inf", "+Inf"),
        (-math.inf, "-Inf", "-Inf"),
        (math.nan, "NaN", "NaN"),
    ],
)
def test_numbers_are_written_as_go_writes_them(value, short, plain):
    assert shortest(value) == short
    assert plain_text(value) == plain
