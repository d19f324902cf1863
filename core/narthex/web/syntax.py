"""The syntax tree of an expression as ``/api/v1/parse_query`` answers it. Times are milliseconds."""

from __future__ import annotations

from typing import Any

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
from narthex.promql.signatures import FUNCTIONS, Signature

__all__ = ["tree"]


def tree(expr: Expr | DurationExpr | None) -> dict[str, Any] | None:
    """A node with everything below it; None for an absent part."""
    match expr:
        case None:
            return None
        case NumberLiteral(value, duration):
            return {"type": "numberLiteral", "val": plain_text(value), "duration": duration}
        case StringLiteral(value):
            return {"type": "stringLiteral", "val": value}
        case DurationExpr(op, lhs, rhs, wrapped):
            operation = op.removesuffix("()")
            return {
                "type": "durationExpr", "op": operation, "lhs": tree(lhs), "rhs": tree(rhs), "wrapped": wrapped,
            }  # fmt: skip
        case VectorSelector():
            return {"type": "vectorSelector", **_selector(expr)}
        case MatrixSelector(selector, span, span_expr):
            return {"type": "matrixSelector", "range": span, "rangeExpr": tree(span_expr), **_selector(selector)}
        case SubqueryExpr():
            return _subquery(expr)
        case ParenExpr(inner):
            return {"type": "parenExpr", "expr": tree(inner)}
        case UnaryExpr(op, inner):
            return {"type": "unaryExpr", "op": op, "expr": tree(inner)}
        case BinaryExpr(op, lhs, rhs, matching, return_bool):
            sides = {"lhs": tree(lhs), "rhs": tree(rhs)}
            return {"type": "binaryExpr", "op": op, **sides, "matching": _matching(matching), "bool": return_bool}
        case AggregateExpr(op, inner, param, grouping, without):
            parts = {"expr": tree(inner), "param": tree(param)}
            return {"type": "aggregation", "op": op, **parts, "grouping": list(grouping), "without": without}
        case Call(_, args):
            return {"type": "call", "func": _function(expr), "args": [tree(one) for one in args]}


def _selector(selector: VectorSelector) -> dict[str, Any]:
    return {
        "name": selector.name,
        "offset": selector.offset,
        "offsetExpr": tree(selector.offset_expr),
        "matchers": [_matcher(one) for one in selector.matchers],
        **_at(selector.at),
        "anchored": selector.anchored,
        "smoothed": selector.smoothed,
    }


def _subquery(query: SubqueryExpr) -> dict[str, Any]:
    return {
        "type": "subquery",
        "expr": tree(query.expr),
        "range": query.range,
        "rangeExpr": tree(query.range_expr),
        "offset": query.offset,
        "offsetExpr": tree(query.offset_expr),
        "step": query.step,
        "stepExpr": tree(query.step_expr),
        **_at(query.at),
    }


def _matcher(matcher: Matcher) -> dict[str, str]:
    return {"type": matcher.op.value, "name": matcher.name, "value": matcher.value}


def _at(at: At | None) -> dict[str, Any]:
    fixed = at is not None and at.kind == "timestamp"
    return {
        "timestamp": at.timestamp if at is not None and fixed else None,
        "startOrEnd": at.kind if at is not None and not fixed else None,
    }


def _matching(matching: VectorMatching | None) -> dict[str, Any] | None:
    if matching is None:
        return None
    return {
        "card": matching.card,
        "labels": list(matching.labels),
        "on": matching.on,
        "include": list(matching.include),
        "fillValues": {"lhs": matching.fill_left, "rhs": matching.fill_right},
    }


def _function(call: Call) -> dict[str, Any]:
    """A function of the language as it is declared; one of a plugin as it is called here."""
    own = Signature(call.func, tuple(one.type for one in call.args), call.type)
    signature = FUNCTIONS.get(call.func, own)
    return {
        "name": call.func,
        "argTypes": [one.value for one in signature.args],
        "variadic": signature.variadic,
        "returnType": signature.returns.value,
    }
