from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.promql.expressions import expressions

from narthex.errors import ParseError
from narthex.promql.ast import BinaryExpr, Call, NumberLiteral, SubqueryExpr, VectorSelector, walk
from narthex.promql.parser import ALL_OPTIONS, ParserOptions, parse
from narthex.promql.pretty import prettify
from narthex.promql.printer import to_text

WORDS = (
    "sum by rate up 5m 1 0x1F offset step() == on é group_left bool __name__ =~ start() min_of( 1e 2.5. fill( anchored"
)
FRAGMENTS = st.sampled_from([*"(){}[],:@+-*/%^<>=!#'\"`\\ \n", *WORDS.split(), "\udcff"])
COMMA = "trailing commas not allowed in function call args"
SOUP = st.text(max_size=40) | st.lists(FRAGMENTS, max_size=15).map("".join)


def errors_of(text: str, **options: bool) -> tuple[tuple[int, int, str], ...]:
    with pytest.raises(ParseError) as caught:
        parse(text, options=ParserOptions(**options))
    return caught.value.errors


def findings(text: str) -> tuple[tuple[int, int, str], ...]:
    try:
        parse(text, options=ALL_OPTIONS)
    except ParseError as error:
        return error.errors or ((-1, -1, "an error without findings"),)
    return ()


@settings(max_examples=300, deadline=None)
@given(expressions())
def test_printing_and_parsing_give_the_expression_back(expr):
    assert parse(to_text(expr), options=ALL_OPTIONS) == expr


@settings(max_examples=100, deadline=None)
@given(expressions(), st.integers(1, 120))
def test_laying_out_over_lines_keeps_the_meaning(expr, width):
    assert parse(prettify(expr, width=width), options=ALL_OPTIONS) == expr


@settings(max_examples=250, deadline=None)
@given(SOUP)
def test_any_text_parses_or_fails_with_positions_inside_it(text):
    size = len(text.encode("utf-8", "surrogatepass"))
    for start, end, message in findings(text):
        assert 0 <= start <= size
        assert 0 <= end <= size
        assert message


def test_an_empty_text_has_no_positions():
    with pytest.raises(ParseError, match=r"^unknown position: parse error: no expression found in input$"):
        parse("")
    with pytest.raises(ParseError, match=r"^1:1: parse error: no expression found in input$"):
        parse(" ")


def test_positions_count_bytes_and_lines():
    with pytest.raises(ParseError, match=r'^2:13: parse error: unexpected identifier "x"$') as caught:
        parse('\n{"ä"="ö"} x')
    assert caught.value.errors == ((13, 14, 'unexpected identifier "x"'),)


def test_spans_cover_the_text_of_a_node():
    text = ' sum by (a) (rate(x{b="ü"}[5m] offset 1h)) / on () group_left y'
    data = text.encode()
    found = {type(node).__name__: data[slice(*node.pos)].decode() for node in walk(parse(text))}
    assert found["AggregateExpr"] == 'sum by (a) (rate(x{b="ü"}[5m] offset 1h))'
    assert found["MatrixSelector"] == 'x{b="ü"}[5m] offset 1h'
    assert found["Call"] == 'rate(x{b="ü"}[5m] offset 1h)'
    assert found["BinaryExpr"] == text.strip()
    expr = parse(text)
    assert isinstance(expr, BinaryExpr)
    assert data[slice(*expr.op_pos)].decode() == "/ on () group_left"


@pytest.mark.parametrize(
    ("text", "grouped"),
    [
        ("a + b * c ^ d", "(a + (b * (c ^ d)))"),
        ("a ^ b ^ c", "(a ^ (b ^ c))"),
        ("a - b - c", "((a - b) - c)"),
        ("-a ^ b", "-(a ^ b)"),
        ("-a * b", "(-a * b)"),
        ("a or b and c unless d", "(a or ((b and c) unless d))"),
        ("a == b + c atan2 d", "(a == (b + (c atan2 d)))"),
        ("a </ b + c", "(a </ (b + c))"),
    ],
)
def test_operators_bind_as_in_the_table(text, grouped):
    def spelled(expr):
        if isinstance(expr, BinaryExpr):
            return f"({spelled(expr.lhs)} {expr.op} {spelled(expr.rhs)})"
        return f"{expr.op}{spelled(expr.expr)}" if hasattr(expr, "op") else to_text(expr)

    assert spelled(parse(text)) == grouped


@pytest.mark.parametrize(
    ("text", "value"),
    [("1_000", 1000), ("0x1F", 31), ("0755", 493), ("1e3", 1000), (".5", 0.5), ("5m", 300), ("1h30m", 5400), ("08", 8)],
)
def test_numbers_have_many_notations(text, value):
    assert parse(text) == NumberLiteral(value)


@pytest.mark.parametrize("word", ["sum", "by", "offset", "start", "and", "anchored", "fill_left", "step", "on:x"])
def test_keywords_may_name_metrics_and_labels(word):
    expr = parse(f"{word}{{{'bool' if ':' in word else word}='x'}}")
    assert isinstance(expr, VectorSelector)
    assert expr.name == word


def test_optional_parts_of_the_language_are_refused_unless_allowed():
    assert errors_of("limitk(1, up)")[0][2].startswith("limitk() is experimental")
    assert errors_of("info(up)") == ((0, 4, 'function "info" is not enabled'),)
    assert (
        errors_of("up[5m * 2]", duration_expressions=False)[0][2] == "experimental duration expression is not enabled"
    )
    assert errors_of("up anchored")[0][2] == "anchored modifier is experimental and not enabled"
    assert errors_of("a + fill(0) b")[0][2] == "binop fill modifiers are experimental and not enabled"
    for text in ("limitk(1, up)", "info(up)", "up[5m * 2]", "up anchored", "a + fill(0) b"):
        parse(text, options=ALL_OPTIONS)


def test_wrong_types_are_told_all_at_once_and_only_without_syntax_errors():
    assert [message for *_, message in errors_of("rate(a) + sum(1) == 1 and 2")] == [
        'expected type range vector in call to function "rate", got instant vector',
        "expected type instant vector in aggregation expression, got scalar",
        'set operator "and" not allowed in binary scalar expression',
    ]
    assert [message for *_, message in errors_of("rate(a) + ]")] == ["unexpected right bracket ']'"]


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ("up)", [(3, 3, "unexpected right parenthesis ')'")]),
        ("f(g())", [(2, 3, 'unknown function with name "g"'), (0, 1, 'unknown function with name "f"')]),
        ("f(1", [(3, 3, "unclosed left parenthesis")]),
        ("abs(up,,)", [(6, 7, COMMA), (7, 8, COMMA)]),
        ("abs(up, *)", [(6, 7, COMMA), (8, 9, "unexpected <op:*>")]),
        ("abs(up, ;)", [(8, 10, "unexpected character: ';'"), (6, 7, COMMA)]),
        ("sum() ;", [(6, 7, "unexpected character: ';'"), (0, 5, "no arguments for aggregate expression provided")]),
        ('up{a=~"("}', [(3, 9, "error parsing regexp: missing closing ): `(`")]),
        ("up[5m", [(5, 5, "unclosed left bracket")]),
        ("up[(5m", [(6, 6, "unclosed left parenthesis")]),
        ("up[", [(3, 3, "unexpected end of input in duration expression")]),
        ("up[job]", [(3, 7, "unexpected character in duration expression: 'j'")]),
        ("up[5m job]", [(6, 10, "unexpected character: 'j', expected ':'")]),
        ("up[:5m]", [(4, 7, "unexpected colon before duration in duration expression")]),
        ("up[5m:1m:1m]", [(8, 12, "unexpected colon ':'")]),
        ("up[5m[1m]]", [(5, 10, "unexpected left bracket '['")]),
        ("up offset 1.5h", [(10, 14, 'unknown unit "." in duration "1.5h"')]),
        ("up fill", [(3, 7, 'unexpected identifier "fill"')]),
        ("up + up fill (1)", [(8, 12, "unexpected <fill>")]),
        ('"\ufffd"', [(0, 5, "invalid UTF-8 rune")]),
        ("up start", [(3, 8, 'unexpected "start"')]),
        ("up by", [(3, 5, "unexpected <by>")]),
        (r"up{a\b}", [(4, 7, r"unexpected character inside braces: '\\'")]),
        ("sum by (without) (up)", [(8, 15, "unexpected <without> in grouping opts, expected label")]),
    ],
)
def test_errors_come_in_the_order_in_which_prometheus_meets_them(text, errors):
    assert list(errors_of(text)) == errors


@pytest.mark.parametrize("text", ["0x8000000000000000", "0xFFFFFFFFFFFFFFFFFF"])
def test_a_hexadecimal_number_must_fit_64_bits(text):
    message = f'error parsing number: strconv.ParseFloat: parsing "{text}": invalid syntax'
    assert errors_of(text) == ((0, len(text), message),)


def test_an_octal_number_that_does_not_fit_64_bits_is_decimal():
    assert parse("07777777777777777777777777") == NumberLiteral(7777777777777777777777777.0)


def test_a_long_chain_of_operators_does_not_deepen_the_stack():
    expr = parse(" + ".join(["x"] * 20_000))
    assert sum(isinstance(node, VectorSelector) for node in walk(expr)) == 20_000
    assert len(to_text(expr)) == 20_000 * 4 - 3


def test_nesting_without_end_is_an_error_of_the_expression():
    with pytest.raises(ParseError, match="nested too deeply"):
        parse("(" * 100_000 + "1" + ")" * 100_000)


def test_comments_are_skipped_everywhere():
    expr = parse("rate( # why\n up{ # who\n a='#'} [5m] # how long\n)")
    assert to_text(expr) == 'rate(up{a="#"}[5m])'


def test_subqueries_take_modifiers_of_their_own():
    expr = parse("max_over_time(up[5m:1m] @ 10 offset 1h)")
    assert isinstance(expr, Call)
    subquery = expr.args[0]
    assert isinstance(subquery, SubqueryExpr)
    assert (subquery.range, subquery.step, subquery.offset) == (300_000, 60_000, 3_600_000)
    assert subquery.at is not None
    assert subquery.at.timestamp == 10_000
