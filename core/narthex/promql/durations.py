"""Put numbers where durations are computed: ``[step() * 4]`` means something only within a query.

Source of the rules: Prometheus's documentation of duration expressions (``step()``: the query's step, ``range()``: from
its start to its end, both 0 in an instant query).
"""

from __future__ import annotations

import math
from dataclasses import replace

from narthex.errors import QueryError
from narthex.promql.ast import (
    AggregateExpr,
    BinaryExpr,
    Call,
    DurationExpr,
    Expr,
    MatrixSelector,
    NumberLiteral,
    ParenExpr,
    SubqueryExpr,
    UnaryExpr,
    VectorSelector,
    walk,
)

__all__ = ["duration_ms", "is_symbolic", "resolve"]

_LARGEST = (1 << 63) / 1e9


def duration_ms(duration: DurationExpr | NumberLiteral, *, step: int, range_: int) -> int:
    """A duration in milliseconds, for a query of this step and range (ms). Raises ``QueryError``."""
    seconds = _seconds(duration, step / 1000, range_ / 1000)
    if not abs(seconds) <= _LARGEST:
        raise QueryError(f"{duration.pos.start}:{duration.pos.end}: duration is out of range")
    return round(seconds * 1000)


def is_symbolic(expr: Expr) -> bool:
    """Whether any duration in the expression is computed."""
    return any(
        (isinstance(node, MatrixSelector) and node.range_expr is not None)
        or (isinstance(node, VectorSelector) and node.offset_expr is not None)
        or (isinstance(node, SubqueryExpr) and (node.range_expr or node.step_expr or node.offset_expr) is not None)
        for node in walk(expr)
    )


def resolve(expr: Expr, *, step: int, range_: int) -> Expr:
    """The expression with every computed duration as a number, for a query of this step and range (ms).

    Raises ``QueryError`` for a range or step that is not positive, or a division by zero.
    """
    return _Resolver(step, range_).apply(expr) if is_symbolic(expr) else expr


class _Resolver:
    def __init__(self, step: int, range_: int) -> None:
        self._step = step
        self._range = range_

    def apply(self, node: Expr) -> Expr:
        """The node with its own durations and those below it resolved."""
        match node:
            case VectorSelector():
                return self._selector(node)
            case MatrixSelector():
                length = self._positive(node.range, node.range_expr)
                return replace(node, selector=self._selector(node.selector), range=length, range_expr=None)
            case SubqueryExpr():
                return self._subquery(node)
            case BinaryExpr():
                return replace(node, lhs=self.apply(node.lhs), rhs=self.apply(node.rhs))
            case Call():
                return replace(node, args=tuple(self.apply(one) for one in node.args))
            case AggregateExpr():
                param = None if node.param is None else self.apply(node.param)
                return replace(node, expr=self.apply(node.expr), param=param)
            case ParenExpr() | UnaryExpr():
                return replace(node, expr=self.apply(node.expr))
            case _:
                return node

    def _selector(self, node: VectorSelector) -> VectorSelector:
        if node.offset_expr is None:
            return node
        return replace(node, offset=self._value(node.offset_expr), offset_expr=None)

    def _subquery(self, node: SubqueryExpr) -> SubqueryExpr:
        return replace(
            node,
            expr=self.apply(node.expr),
            range=self._positive(node.range, node.range_expr),
            range_expr=None,
            step=self._positive(node.step, node.step_expr),
            step_expr=None,
            offset=node.offset if node.offset_expr is None else self._value(node.offset_expr),
            offset_expr=None,
        )

    def _value(self, duration: DurationExpr) -> int:
        return duration_ms(duration, step=self._step, range_=self._range)

    def _positive(self, plain: int, duration: DurationExpr | None) -> int:
        if duration is None:
            return plain
        value = self._value(duration)
        if value <= 0:
            raise QueryError(f"{duration.pos.start}:{duration.pos.end}: duration must be greater than 0")
        return value


def _seconds(node: DurationExpr | NumberLiteral | None, step: float, range_: float) -> float:
    if isinstance(node, NumberLiteral):
        return node.value
    assert node is not None  # only the left side of a sign is absent, and it is not asked for
    if node.op == "step()":
        return step
    if node.op == "range()":
        return range_
    right = _seconds(node.rhs, step, range_)
    if node.lhs is None:
        return -right if node.op == "-" else right
    left = _seconds(node.lhs, step, range_)
    return _arithmetic(node, left, right)


def _arithmetic(node: DurationExpr, left: float, right: float) -> float:
    match node.op:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "min_of":
            return min(left, right)
        case "max_of":
            return max(left, right)
        case "^":
            return _power(left, right)
    if right == 0:
        kind = "division" if node.op == "/" else "modulo"
        raise QueryError(f"{node.pos.start}:{node.pos.end}: {kind} by zero")
    return left / right if node.op == "/" else math.fmod(left, right)


def _power(left: float, right: float) -> float:
    try:
        return math.pow(left, right)
    except OverflowError:
        return math.inf
    except ValueError:  # a root of a negative number
        return math.nan
