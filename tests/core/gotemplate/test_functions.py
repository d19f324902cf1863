"""Prometheus's functions, where the conformance cases leave something open."""

import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.errors import QueryError, TemplateError
from narthex.gotemplate import StringMap, Template
from narthex.gotemplate.builtins import BUILTINS
from narthex.gotemplate.execute import Limits
from narthex.gotemplate.functions import for_parsing, prometheus_functions
from narthex.gotemplate.humanize import humanize, humanize_1024, humanize_duration
from narthex.gotemplate.samples import TemplateSample

SAMPLES = [TemplateSample(StringMap(id=one, __value__="v" + one), float(number)) for number, one in enumerate("cab")]
DOCS = Path(__file__).resolve().parents[3] / "docs" / "reference" / "templates.md"


def run(text, data=None, query=lambda _: SAMPLES):
    functions = prometheus_functions(query, 1_700_000_000.0, "https://mon.example:9090/prom/")
    return Template(text, "t", functions, missing_key="zero").execute(data)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{{ range query "x" | sortByLabel "id" }}{{ .Labels.id }}={{ .Value }} {{ end }}', "a=1 b=2 c=0 "),
        ('{{ with query "x" }}{{ . | first | label "id" }} {{ . | first | strvalue }}{{ end }}', "c vc"),
        ("{{ title `it's a no_op of mcDonald 4you` }}", "It'S A No_op Of McDonald 4you"),
        ("{{ match `^a.c$` `abc` }} {{ match `b` `abc` }} {{ match `a.c` `a\nc` }}", "true true false"),
        ("{{ reReplaceAll `(\\w+)@(\\w+)` `$2:${1}` `a@b c@d` }}", "b:a d:c"),
        ("{{ reReplaceAll `x*` `-` `abxé` }}", "-a-b-é-"),
        ("{{ reReplaceAll `$` `!` `ab` }}", "ab!"),
        ("{{ stripPort `[::1]:80` }} {{ stripPort `::1` }} {{ stripPort `a:b:1` }}", "::1 ::1 a:b:1"),
        (
            "{{ stripDomain `web.example.com:80` }} {{ stripDomain `web.example.com` }} {{ stripDomain `x` }}",
            "web:80 web x",
        ),
        ("{{ stripDomain `[::1]:80` }} {{ stripDomain `192.0.2.1:80` }}", "[::1]:80 192.0.2.1:80"),
        ("{{ urlQueryEscape `a b/c?` }}", "a+b%2Fc%3F"),
        ("{{ graphLink `a+b` }}", "/graph?g0.expr=a%2Bb&g0.tab=0"),
        ("{{ externalURL }} {{ pathPrefix }}", "https://mon.example:9090/prom/ /prom/"),
        ("{{ parseDuration `1h30m` }} {{ parseDuration `1ms` }}", "5400 0.001"),
        ("{{ (toTime 0).Year }} {{ (toTime 1.5).Unix }} {{ (toTime 0).Weekday }}", "1970 1 Thursday"),
        ("{{ (toTime 1700000000).Format `Mon, 02 Jan 2006 15:04:05 MST` }}", "Tue, 14 Nov 2023 22:13:20 UTC"),
        ("{{ (toTime 1700000000).Format `2006-01-02T15:04:05Z07:00 3:04PM` }}", "2023-11-14T22:13:20Z 10:13PM"),
        ("{{ toDuration 3661.5 }} {{ toDuration 0.0015 }} {{ toDuration 0 }}", "1h1m1.5s 1.5ms 0s"),
        ("{{ (toDuration 90).Minutes }} {{ humanizeDuration (toDuration 90) }}", "1.5 1m 30s"),
        ("{{ (args 1 `b`).arg1 }}", "b"),
        ("{{ humanizePercentage 0.5 }} {{ humanize 1500 }} {{ humanize1024 1536 }}", "50% 1.5k 1.5ki"),
    ],
)
def test_function_gives_what_prometheus_gives(text, expected):
    assert run(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{{ query "x" | first }}', "error calling first: first() called on vector with no elements"),
        ("{{ match `(` `a` }}", "error calling match: error parsing regexp"),
        ("{{ match `a)(b` `ab` }}", "error calling match: error parsing regexp"),
        ("{{ toUpper 3 }}", "expected string; found 3"),
        ("{{ label `a` 3 }}", "can't handle 3 for arg of type *template.sample"),
        ("{{ query `x` | value }}", "wrong type for value; expected *template.sample; got template.queryResult"),
        ("{{ value nil }}", "error calling value: runtime error: invalid memory address or nil pointer dereference"),
        (
            "{{ (query `x`).Nothing }}",
            't:1:10: executing "t" at <`x`>: can\'t evaluate field Nothing in type template.queryResult',
        ),
        ('{{ humanize "1e400" }}', 'strconv.ParseFloat: parsing "1e400": value out of range'),
        ("{{ humanize true }}", "error calling humanize: can't convert bool to float"),
        ("{{ parseDuration `1.5h` }}", 'error calling parseDuration: unknown unit "." in duration "1.5h"'),
        ("{{ (toTime 1e12).Year }}", "cannot be represented as a nanoseconds timestamp"),
        ("{{ (toTime 0).Nothing }}", "can't evaluate field Nothing in type *time.Time"),
        ("{{ (toTime 0).Format }}", "error calling Format"),
    ],
)
def test_misuse_is_an_error_that_names_the_function(text, message):
    with pytest.raises(TemplateError, match=re.escape(message)):
        run(text, query=lambda _: [])


def test_failing_query_is_a_template_error():
    def query(_):
        raise QueryError("too many samples")

    with pytest.raises(TemplateError, match="error calling query: too many samples"):
        run('{{ query "x" }}', query=query)


@pytest.mark.parametrize(
    ("value", "expected"), [(0.0, "0s"), (59.9999, "60s"), (1e-25, "0.1ys"), (-0.5, "-500ms"), (math.nan, "NaN")]
)
def test_duration_at_the_edges(value, expected):
    assert humanize_duration(value) == expected


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_humanize_takes_any_number(value):
    for function in (humanize, humanize_1024, humanize_duration):
        assert function(value)


@given(st.floats(min_value=1, max_value=1e23))
def test_humanize_keeps_four_digits(value):
    number, prefix = re.fullmatch(r"([\d.e+]+)([kMGTPEZY]?)", humanize(value)).groups()
    scale = 1000.0 ** (" kMGTPEZY".index(prefix or " "))
    assert math.isclose(float(number) * scale, value, rel_tol=0.0006)


def test_every_function_stands_in_the_reference_with_its_summary():
    text = DOCS.read_text(encoding="utf-8")
    for name, function in {**BUILTINS, **for_parsing()}.items():
        assert f"| `{name}` | {function.summary} |" in text


def test_reference_names_no_function_that_is_not_there():
    named = re.findall(r"^\| `(\w+)` \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(named) == sorted({**BUILTINS, **for_parsing()})


def test_reference_tells_the_limits():
    limits = Limits()
    told = f"nest {limits.depth} templates, take {limits.steps:,} steps and print {limits.output >> 20} Mi characters"
    assert told in DOCS.read_text(encoding="utf-8")
