"""An expression as text in its canonical form, on one line.

Parsing the text gives the expression back, but for the order of matchers, which are sorted.
"""

from __future__ import annotations

import math

from narthex.config.durations import format_duration
from narthex.config.names import is_label_name
from narthex.model.matcher import Matcher
from narthex.model.number import plain_text
from narthex.promql.ast import (
    AggregateExpr,
    At,
    BinaryExpr,
    Call,
    DurationExpr,
    Expr,
    MatrixSelector,
    NumberLiteral,
    ParenExpr,
    StringLiteral,
    SubqueryExpr,
    UnaryExpr,
    VectorMatching,
    VectorSelector,
)
from narthex.promql.strings import quote_go

__all__ = ["aggregation_head", "operator_text", "subquery_suffix", "to_text"]


def to_text(expr: Expr) -> str:
    """The canonical text of an expression."""
    match expr:
        case VectorSelector():
            return _selector(expr) + _suffixes(expr)
        case MatrixSelector():
            range_ = _duration(expr.range, expr.range_expr)
            return f"{_selector(expr.selector)}[{range_}]{_suffixes(expr.selector)}"
        case BinaryExpr():
            return _binary(expr)
        case Call():
            return f"{expr.func}({', '.join(map(to_text, expr.args))})"
        case AggregateExpr():
            param = "" if expr.param is None else f"{to_text(expr.param)}, "
            return f"{aggregation_head(expr)}({param}{to_text(expr.expr)})"
        case SubqueryExpr():
            return to_text(expr.expr) + subquery_suffix(expr)
        case ParenExpr():
            return f"({to_text(expr.expr)})"
        case UnaryExpr():
            return f"{expr.op}{to_text(expr.expr)}"
        case NumberLiteral():
            return _number(expr)
        case StringLiteral():
            return quote_go(expr.value)


def _binary(expr: BinaryExpr) -> str:
    """A chain of operators leans left and may be long, so its left side is walked, not recursed into."""
    parts: list[str] = []
    node: Expr = expr
    while isinstance(node, BinaryExpr):
        parts.append(f" {operator_text(node)} {to_text(node.rhs)}")
        node = node.lhs
    return to_text(node) + "".join(reversed(parts))


def operator_text(expr: BinaryExpr) -> str:
    """A binary operator with its modifiers."""
    text = f"{expr.op} bool" if expr.return_bool else expr.op
    return text if expr.matching is None else text + _matching(expr.matching)


def _matching(matching: VectorMatching) -> str:
    text = ""
    grouped = matching.card in {"many-to-one", "one-to-many"}
    if matching.labels or matching.on or grouped:
        text += f" {'on' if matching.on else 'ignoring'} {_label_list(matching.labels)}"
    if grouped:
        word = "group_left" if matching.card == "many-to-one" else "group_right"
        text += f" {word} {_label_list(matching.include)}"
    left, right = matching.fill_left, matching.fill_right
    if left is not None and left == right:
        return f"{text} fill ({plain_text(left)})"
    text += "" if left is None else f" fill_left ({plain_text(left)})"
    return text + ("" if right is None else f" fill_right ({plain_text(right)})")


def aggregation_head(expr: AggregateExpr) -> str:
    """An aggregation up to its opening parenthesis."""
    if expr.without:
        return f"{expr.op} without {_label_list(expr.grouping)} "
    return f"{expr.op} by {_label_list(expr.grouping)} " if expr.grouping else expr.op


def _label_list(labels: tuple[str, ...]) -> str:
    return f"({', '.join(map(_label, labels))})"


def _label(name: str) -> str:
    return name if is_label_name(name, legacy=True) else quote_go(name)


def subquery_suffix(expr: SubqueryExpr) -> str:
    """Everything of a sub-query after the expression it is over."""
    step = _duration(expr.step, expr.step_expr) if expr.step or expr.step_expr else ""
    return f"[{_duration(expr.range, expr.range_expr)}:{step}]{_suffixes(expr)}"


def _selector(node: VectorSelector) -> str:
    shown = node.matchers[:-1] if node.name else node.matchers
    if node.name and not shown:
        return node.name
    return f"{node.name}{{{','.join(sorted(map(_matcher, shown)))}}}"


def _matcher(matcher: Matcher) -> str:
    return f"{_label(matcher.name)}{matcher.op.value}{quote_go(matcher.value)}"


def _suffixes(node: VectorSelector | SubqueryExpr) -> str:
    text = ""
    if isinstance(node, VectorSelector):
        text += " anchored" if node.anchored else " smoothed" if node.smoothed else ""
    if node.at is not None:
        text += f" @ {_at(node.at)}"
    if node.offset or node.offset_expr is not None:
        text += f" offset {_duration(node.offset, node.offset_expr)}"
    return text


def _at(at: At) -> str:
    if at.kind != "timestamp":
        return f"{at.kind}()"
    seconds, milliseconds = divmod(abs(at.timestamp), 1000)
    return f"{'-' if at.timestamp < 0 else ''}{seconds}.{milliseconds:03d}"


def _duration(plain: int, computed: DurationExpr | None) -> str:
    return format_duration(plain) if computed is None else _computed(computed)


def _computed(node: DurationExpr | NumberLiteral | None) -> str:
    if node is None:
        return ""
    if isinstance(node, NumberLiteral):
        return _number(node)
    if node.op in {"step()", "range()"}:
        text = node.op
    elif node.op in {"min_of", "max_of"}:
        text = f"{node.op}({_computed(node.lhs)}, {_computed(node.rhs)})"
    elif node.lhs is None:
        text = _computed(node.rhs) if node.op == "+" else f"{node.op}{_computed(node.rhs)}"
    else:
        text = f"{_computed(node.lhs)} {node.op} {_computed(node.rhs)}"
    return f"({text})" if node.wrapped else text


def _number(node: NumberLiteral) -> str:
    milliseconds = node.value * 1000
    if node.duration and math.isfinite(milliseconds):
        return format_duration(round(milliseconds))
    return plain_text(node.value)
