"""Go's fmt verbs."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.gotemplate import StringMap, Uint
from narthex.gotemplate.format import default_text, sprintf
from narthex.model.number import shortest


@pytest.mark.parametrize(
    ("form", "args", "expected"),
    [
        ("%d|%5d|%-5d|%05d|%+d", (1, 2, 3, 4, 5), "1|    2|3    |00004|+5"),
        ("%x %X %o %b %c %U %q", (255, 255, 8, 5, 65, 0x1F600, 65), "ff FF 10 101 A U+1F600 'A'"),
        ("%#x %#o %.3d", (255, 8, 7), "0xff 010 007"),
        ("%s|%6s|%-6s|%.2s|%q", ("a", "b", "c", "défg", 'x"\n'), 'a|     b|c     |dé|"x\\"\\n"'),
        ("%x % x %X", ("hi", "hi", "hi"), "6869 68 69 6869"),
        ("%t %v", (True, False), "true false"),
        (
            "%f %.2f %8.3f|%-8.1f|%08.2f",
            (1.5, 1.005, math.pi, 2.25, -3.14159),
            "1.500000 1.00    3.142|2.2     |-0003.14",
        ),
        (
            "%e %E %g %G %.3g %.10g",
            (1234.5, 1234.5, 1e-7, 1e21, 1234.5678, 0.1),
            "1.234500e+03 1.234500E+03 1e-07 1E+21 1.23e+03 0.1",
        ),
        ("%v %v %v %v", (1e6, 123456.0, 0.0001, 0.00001), "1e+06 123456 0.0001 1e-05"),
        ("%v %f %5.1f|%+v", (math.inf, -math.inf, math.nan, math.inf), "+Inf -Inf   NaN|+Inf"),
        ("%x %X", (1.5, -0.25), "0x1.8p+00 -0X1P-02"),
        (
            "%T %T %T %T %T %T %T",
            (1, 1.0, "s", True, None, Uint(1), StringMap()),
            "int float64 string bool <nil> uint map[string]string",
        ),
        ("%v %v %v", ([1, "a"], {"b": 1, "a": 2}, None), "[1 a] map[a:2 b:1] <nil>"),
        ("%5t|%-7t|", (True, False), " true|false  |"),
        ("%d%%", (50,), "50%"),
        ("%*d|%-*d|%.*f", (5, 42, 4, 7, 2, math.pi), "   42|7   |3.14"),
        ("%[2]d %[1]d", (1, 2), "2 1"),
        ("%d %s", (1,), "1 %!s(MISSING)"),
        ("%d", (1, "x", None), "1%!(EXTRA string=x, <nil>)"),
        ("%d", ("x",), "%!d(string=x)"),
        ("%s", (3,), "%!s(int=3)"),
        ("%d", (1.5,), "%!d(float64=1.5)"),
        ("%!", (1,), "%!!(int=1)"),
        ("50%", (), "50%!(NOVERB)"),
        ("%99999999d", (1,), "%!(BADWIDTH)1"),
        ("%d %s", ([1, 2], ["a", "b"]), "[1 2] [a b]"),
        ("%#v %#q", ("a", "b"), '"a" `b`'),
    ],
)
def test_verbs_print_as_in_go(form, args, expected):
    assert sprintf(form, args) == expected


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_shortest_float_reads_back_the_same(value):
    assert float(shortest(value)) == value
    assert math.copysign(1, float(shortest(value))) == math.copysign(1, value)


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=1e-4, max_value=999999))
def test_middling_floats_print_without_exponent(value):
    assert "e" not in shortest(value)


@given(
    st.text(),
    st.lists(st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63), st.floats(), st.text()), max_size=4),
)
def test_printf_never_fails(form, args):
    assert isinstance(sprintf(form, args), str)


def test_default_text_of_nested_values():
    assert default_text({"x": [1.0, None, {"y": True}]}) == "map[x:[1 <nil> map[y:true]]]"
