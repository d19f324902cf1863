"""The template language: actions, variables, scopes, errors and limits, as Go has them."""

from contextlib import suppress
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.errors import TemplateError
from narthex.gotemplate import CallError, Exported, Function, StringMap, Template
from narthex.gotemplate.execute import Limits


def run(text, data=None, **options):
    return Template(text, "t", **options).execute(data)


@pytest.mark.parametrize(
    ("text", "data", "expected"),
    [
        # text, trimming, comments
        ("a {{- 1 -}} b", None, "a1b"),
        ("a {{- /* note */ -}} b", None, "ab"),
        ("a{{/* note\nover lines */}}b", None, "ab"),
        ("x\n{{- if true }}\n  y\n{{- end }}\nz", None, "x\n  y\nz"),
        ("{{-3}}", None, "-3"),
        ("{{ 1\n}}", None, "1"),
        # literals
        (r'{{ "a\t\"b\" \u00e9 \x41 \101" }}', None, 'a\t"b" é A A'),
        ("{{ `raw \\n` }}", None, "raw \\n"),
        ("{{ 'a' }} {{ '\\n' }}", None, "97 10"),
        ("{{ 0x1F }} {{ 010 }} {{ 1_000 }} {{ 0b11 }}", None, "31 8 1000 3"),
        ("{{ 1.50 }} {{ 1e3 }} {{ .5 }} {{ 1e7 }}", None, "1.5 1000 0.5 1e+07"),
        ("{{ true }} {{ false }}", None, "true false"),
        # dot and fields
        ("{{ .a.b }}", {"a": {"b": 7}}, "7"),
        ("{{ .a }}", {}, "<no value>"),
        ("{{ .a }}|", StringMap(), "<no value>|"),
        ("{{ (index . 0).x }}", [{"x": 1}], "1"),
        # if
        ("{{ if .x }}yes{{ else }}no{{ end }}", {"x": ""}, "no"),
        ("{{ if .x }}1{{ else if .y }}2{{ else }}3{{ end }}", {"x": 0, "y": [1]}, "2"),
        ("{{ if and .x (not .y) }}1{{ end }}", {"x": True, "y": False}, "1"),
        # with
        ("{{ with .x }}{{ . }}{{ else }}none{{ end }}", {"x": None}, "none"),
        ("{{ with $y := .x }}{{ $y }}{{ $.x }}{{ end }}", {"x": 5}, "55"),
        ("{{ with .x }}1{{ else with .y }}{{ . }}{{ end }}", {"x": 0, "y": 2}, "2"),
        # range
        ("{{ range . }}<{{ . }}>{{ end }}", [1, 2], "<1><2>"),
        ("{{ range $i, $x := . }}{{ $i }}{{ $x }}{{ end }}", ["a", "b"], "0a1b"),
        ("{{ range $k, $v := . }}{{ $k }}={{ $v }};{{ end }}", {"b": 2, "a": 1}, "a=1;b=2;"),
        ("{{ range . }}x{{ else }}empty{{ end }}", [], "empty"),
        ("{{ range . }}x{{ else }}empty{{ end }}", None, "empty"),
        ("{{ range 3 }}{{ . }}{{ end }}", None, "012"),
        (
            "{{ range . }}{{ if eq . 2 }}{{ continue }}{{ end }}{{ if eq . 4 }}{{ break }}{{ end }}{{ . }}{{ end }}",
            [1, 2, 3, 4, 5],
            "13",
        ),
        ("{{ range . }}{{ range . }}{{ break }}{{ end }}x{{ end }}", [[1, 2], [3]], "xx"),
        # variables
        ("{{ $x := 1 }}{{ $x = 2 }}{{ $x }}", None, "2"),
        ("{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ end }}{{ $x }}", None, "1"),
        ("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}", None, "2"),
        ("{{ $x := 0 }}{{ range . }}{{ $x = . }}{{ end }}{{ $x }}", [3, 4], "4"),
        ("{{ $m := . }}{{ $m.a }}", {"a": 1}, "1"),
        # pipelines and parentheses
        ('{{ "a" | printf "%s-%s" "b" }}', None, "b-a"),
        ('{{ printf "%d" (len (slice . 1)) }}', [1, 2, 3], "2"),
        ("{{ . | len | printf `%03d` }}", "abcd", "004"),
        # templates
        ('{{ define "x" }}[{{ . }}]{{ end }}{{ template "x" 1 }}{{ template "x" }}', None, "[1][<no value>]"),
        ('{{ block "x" .a }}<{{ . }}>{{ end }}', {"a": 2}, "<2>"),
        ('{{ define "x" }}{{ $ }}{{ end }}{{ template "x" .a }}', {"a": 2}, "2"),
        # builtins
        ("{{ and 1 0 2 }} {{ or 0 3 4 }} {{ not 0 }}", None, "0 3 true"),
        ("{{ index . `a` `b` }} {{ index .l 1 }}", {"a": {"b": 5}, "l": [7, 8]}, "5 8"),
        ("{{ slice . 1 3 }} {{ index . 0 }} {{ len . }}", "abcé", "bc 97 5"),
        (
            "{{ eq 1 2 1 }} {{ ne 1 2 }} {{ lt 1 2 }} {{ ge `b` `a` }} {{ le 2.0 2.0 }} {{ gt 2 3 }}",
            None,
            "true true true true true false",
        ),
        ("{{ eq nil nil }} {{ eq . nil }}", None, "true true"),
        ("{{ print 1 2 `a` `b` 3 }}|{{ println 1 `a` }}", None, "1 2ab3|1 a\n"),
        (
            "{{ html `<a href='x'>` }} {{ js `it's <` }} {{ urlquery `a b&c` }}",
            None,
            "&lt;a href=&#39;x&#39;&gt; it\\'s \\u003C a+b%26c",
        ),
        ("{{ . }}", {"b": [1, 2.5], "a": None}, "map[a:<nil> b:[1 2.5]]"),
    ],
)
def test_template_gives_what_go_gives(text, data, expected):
    assert run(text, data) == expected


def test_and_or_do_not_evaluate_what_follows_the_decision():
    def explode():
        raise CallError("was called")

    functions = {"explode": Function(explode)}
    assert run("{{ or 1 (explode) }}{{ and 0 (explode) }}", functions=functions) == "10"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{", "template: t:1: unclosed action"),
        ("{{ if\n", "template: t:2: unclosed action started at t:1"),
        ("{{ 1\n( }}", "template: t:2: unclosed left paren in action started at t:1"),
        ("{{ 1\n}}{{/* note", "template: t:2: unclosed comment"),
        ("\n{{ if }}", "template: t:2: missing value for if"),
        ("{{ if true }}", "template: t:1: unexpected EOF"),
        ("{{ end }}", "template: t:1: unexpected {{end}}"),
        ("{{ else }}", "template: t:1: unexpected {{else}}"),
        ("{{ nothing }}", 'template: t:1: function "nothing" not defined'),
        ("{{ $x }}", 'template: t:1: undefined variable "$x"'),
        ("{{ if true }}{{ $x := 1 }}{{ end }}{{ $x }}", 'template: t:1: undefined variable "$x"'),
        ("{{ break }}", "template: t:1: {{break}} outside {{range}}"),
        ("{{ 1 | 2 }}", "template: t:1: non executable command in pipeline stage 2"),
        ("{{ | 1 }}", 'template: t:1: unexpected "|" in command'),
        ("{{ } }}", 'template: t:1: unexpected "}" in command'),
        ("{{ 1 2] }}", 'template: t:1: unexpected "]" in operand'),
        ("{{\u00a01 }}", "template: t:1: unrecognized character in action: U+00A0"),
        ("{{ ö1€ }}", "template: t:1: bad character U+20AC '€'"),
        ("{{ .host-name }}", "template: t:1: bad character U+002D '-'"),
        ("{{ $host-name }}", "template: t:1: bad character U+002D '-'"),
        ('{{ nothing }}{{ "abc }}', 'template: t:1: function "nothing" not defined'),
        ("{{ --1 }}", 'template: t:1: bad number syntax: "--1"'),
        ("{{ 1e }}", 'template: t:1: illegal number syntax: "1e"'),
        ("{{ 09 }}", 'template: t:1: integer overflow: "09"'),
        ("{{ '' }}", "template: t:1: invalid syntax"),
        ("{{ template x }}", 'template: t:1: unexpected "x" in template clause'),
        ("{{ range $a, 1 }}{{ end }}", "template: t:1: range can only initialize variables"),
        ("{{ end 1 }}", 'template: t:1: unexpected "1" in end'),
        ("{{ (1 }}", "template: t:1: unclosed left paren"),
        ("{{ 1) }}", "template: t:1: unexpected right paren"),
        ('{{ "abc }}', "template: t:1: unterminated quoted string"),
        ("{{ `abc }}", "template: t:1: unterminated raw quoted string"),
        ("{{/* abc }}", "template: t:1: unclosed comment"),
        ("{{/* abc */ 1 }}", "template: t:1: comment ends before closing delimiter"),
        ("{{ 1x }}", 'template: t:1: bad number syntax: "1x"'),
        ("{{ nil.a }}", 'template: t:1: unexpected . after term "nil"'),
        (
            '{{ define "a" }}x{{ end }}{{ define "a" }}y{{ end }}',
            'template: t:1: template: multiple definition of template "a"',
        ),
        (
            "{{ if true }}{{ define `a` }}{{ end }}{{ end }}",
            "template: t:1: unexpected <define> in command",
        ),
        ("{{ " + "(" * 200 + "1" + ")" * 200 + " }}", "template: t:1: nested too deeply"),
        ("{{ if 1 }}" * 200 + "{{ end }}" * 200, "template: t:1: nested too deeply"),
    ],
)
def test_wrong_syntax_is_found_when_parsing(text, message):
    with pytest.raises(TemplateError) as caught:
        Template(text, "t")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "data", "message"),
    [
        (
            "ab\n {{ index .l 9 }}",
            {"l": [1]},
            't:2:4: executing "t" at <index .l 9>: error calling index: index out of range: 9',
        ),
        ("{{ .a.b }}", {"a": 1}, 't:1:5: executing "t" at <.a.b>: can\'t evaluate field b in type interface {}'),
        ("{{ .a.b }}", StringMap(a="1"), 't:1:5: executing "t" at <.a.b>: can\'t evaluate field b in type string'),
        ("{{ (len .a).b }}", {"a": "1"}, 't:1:8: executing "t" at <.a>: can\'t evaluate field b in type int'),
        ("{{ .a 1 }}", {"a": 1}, 't:1:3: executing "t" at <.a>: a is not a method but has arguments'),
        ("{{ $x = 1 }}", None, 't:1:8: executing "t" at <1>: undefined variable: $x'),
        (
            "{{ 9223372036854775808 }}",
            None,
            't:1:3: executing "t" at <9223372036854775808>: 9223372036854775808 overflows int',
        ),
        (
            "{{ range $i, $n := 3 }}{{ end }}",
            None,
            't:1:19: executing "t" at <3>: can\'t use 3 to iterate over more than one variable',
        ),
        (
            "{{ eq .a 1 }}",
            {"a": {}},
            (
                't:1:3: executing "t" at <eq .a 1>: error calling eq: '
                "incompatible types for comparison: map[string]interface {} and int"
            ),
        ),
        (
            "{{ eq .a .a }}",
            {"a": {"b": 1}},
            (
                't:1:3: executing "t" at <eq .a .a>: error calling eq: '
                "non-comparable type map[b:1]: map[string]interface {}"
            ),
        ),
        ("{{ printf nil }}", None, 't:1:10: executing "t" at <nil>: cannot assign nil to string'),
        (
            "{{ .a | printf }}",
            {"a": 1},
            't:1:8: executing "t" at <printf>: wrong type for value; expected string; got int',
        ),
        ("{{ len 3 }}", None, 't:1:3: executing "t" at <len 3>: error calling len: len of type int'),
        (
            "{{ lt 1 2.0 }}",
            None,
            't:1:3: executing "t" at <lt 1 2.0>: error calling lt: incompatible types for comparison: int and float64',
        ),
        ("{{ printf 3 }}", None, 't:1:10: executing "t" at <3>: expected string; found 3'),
        ("{{ not }}", None, 't:1:3: executing "t" at <not>: wrong number of args for not: want 1 got 0'),
        ("{{ range 1.5 }}{{ end }}", None, 't:1:9: executing "t" at <1.5>: range can\'t iterate over 1.5'),
        ('{{ template "x" }}', None, 't:1:12: executing "t" at <{{template "x"}}>: template "x" not defined'),
        ("{{ nil }}", None, 't:1:3: executing "t" at <nil>: nil is not a command'),
        ("{{ 3 4 }}", None, 't:1:3: executing "t" at <3>: can\'t give argument to non-function 3'),
        (
            '{{ define "é" }}é{{ len 1 }}{{ end }}{{ template "é" }}',
            None,
            't:1:22: executing "é" at <len 1>: error calling len: len of type int',
        ),
    ],
)
def test_failure_while_executing_names_the_place(text, data, message):
    with pytest.raises(TemplateError) as caught:
        run(text, data)
    assert str(caught.value) == f"template: {message}"


@pytest.mark.parametrize("mode", ["default", "zero"])
def test_a_nil_that_is_held_has_no_fields_and_no_value_has_none_either(mode):
    assert run("{{ .a.b.c }}", None, missing_key=mode) == "<no value>"
    with pytest.raises(TemplateError, match=r"nil pointer evaluating interface {}\.b$"):
        run("{{ .a.b.c }}", {"a": None}, missing_key=mode)


def test_what_is_escaped_already_is_not_escaped_again():
    assert run("{{ `<` | html }}{{ `<` }}", html=True) == "&lt;&lt;"


def test_missing_key_modes():
    assert run("{{ .a }}", StringMap(), missing_key="zero") == ""
    assert run("{{ .a }}", {}, missing_key="zero") == "<no value>"
    with pytest.raises(TemplateError, match='map has no entry for key "a"'):
        run("{{ .a }}", {}, missing_key="error")
    with pytest.raises(TemplateError, match=r"nil pointer evaluating interface \{\}.b"):
        run("{{ .a.b }}", {}, missing_key="zero")


def test_html_mode_escapes_values_and_leaves_text():
    assert run("<b>{{ . }}</b>", "<&+'", html=True) == "<b>&lt;&amp;&#43;&#39;</b>"
    assert run("[{{ .x }}]", {}, html=True) == "[]"


def test_template_that_calls_itself_ends_with_an_error():
    with pytest.raises(TemplateError, match="exceeded maximum template depth"):
        run('{{ define "x" }}{{ template "x" }}{{ end }}{{ template "x" }}')


def test_output_and_steps_are_limited():
    with pytest.raises(TemplateError, match="output exceeds 10 characters"):
        run("{{ range 100 }}abc{{ end }}", limits=Limits(output=10))
    with pytest.raises(TemplateError, match="more than 50 actions executed"):
        run("{{ range 1000000000 }}{{ end }}", limits=Limits(steps=50))


def test_texts_that_are_never_printed_are_limited_too():
    with pytest.raises(TemplateError, match="result exceeds 1000 characters"):
        run("{{ $x := `ab` }}{{ range 99 }}{{ $x = print $x $x }}{{ end }}", limits=Limits(output=1000))


class Pairs(StringMap, Exported):
    """A map with methods, as notifications have."""

    go_type = "template.KV"
    go_names = MappingProxyType({"Remove": "remove", "Names": "names"})

    def remove(self, names):
        return Pairs({name: value for name, value in self.items() if name not in names})

    def names(self):
        return sorted(self)


class Items(tuple, Exported):
    """A list with methods."""

    __slots__ = ()
    go_names = MappingProxyType({"First": "first"})

    def first(self):
        return self[0]


def test_containers_may_have_methods_and_stay_containers():
    data = {"kv": Pairs(b="2", a="1"), "items": Items((7, 8)), "none": Items()}
    assert (
        run("{{ .kv.a }} {{ .kv.Names }} {{ .kv }} {{ (.kv.Remove .kv.Names).Names }}", data)
        == "1 [a b] map[a:1 b:2] []"
    )
    assert run("{{ .kv.absent }}|{{ index .kv `b` }}", data, missing_key="zero") == "|2"
    assert (
        run("{{ range .items }}{{ . }},{{ end }}{{ .items.First }} {{ len .items }} {{ .items }}", data)
        == "7,8,7 2 [7 8]"
    )
    assert run("{{ if .none }}x{{ else }}empty{{ end }}", data) == "empty"


def test_definitions_of_other_files_can_be_called_and_replaced():
    library = Template('{{ define "a" }}old{{ end }}{{ define "b" }}{{ template "a" }}{{ end }}', "lib").definitions
    assert run('{{ template "b" }}', library=library) == "old"
    assert run('{{ define "a" }}new{{ end }}{{ template "b" }}', library=library) == "new"


@given(st.text(alphabet=st.characters(exclude_characters="{", codec="utf-8")))
def test_text_without_actions_stays_as_it_is(text):
    assert run(text) == text


@given(st.text(alphabet="{}-. $x\"`'()|=:/*ab1\n", max_size=40))
def test_any_text_parses_and_runs_or_says_why_not(text):
    with suppress(TemplateError):  # any other error fails the test
        assert isinstance(run(text, {"a": 1}), str)
