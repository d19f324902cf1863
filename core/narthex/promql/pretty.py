"""An expression over several lines: whatever is too wide for one is split at its outermost operator or call."""

from __future__ import annotations

from narthex.promql.ast import (
    AggregateExpr,
    BinaryExpr,
    Call,
    Expr,
    ParenExpr,
    SubqueryExpr,
    UnaryExpr,
    children,
    walk,
)
from narthex.promql.printer import aggregation_head, operator_text, subquery_suffix, to_text

__all__ = ["prettify"]

_INDENT = "  "


def prettify(expr: Expr, *, width: int = 100) -> str:
    """The text of ``expr``; a part is split when its one-line form has more than ``width`` bytes."""
    return _Layout(expr, width).lines(expr, 0)


class _Layout:
    def __init__(self, root: Expr, width: int) -> None:
        self._width = width
        # A text has a byte for each leaf at least, so what has many is split without being printed first: printing
        # every level of a long chain would take quadratic time.
        self._leaves: dict[int, int] = {}
        for node in reversed(list(walk(root))):
            self._leaves[id(node)] = sum(self._leaves[id(one)] for one in children(node)) or 1

    def lines(self, expr: Expr, level: int) -> str:
        """The text with every line indented for its depth."""
        indent = _INDENT * level
        if isinstance(expr, UnaryExpr):  # its operand decides
            return f"{indent}{expr.op}{self.lines(expr.expr, level).lstrip()}"
        text = to_text(expr) if self._leaves[id(expr)] <= self._width else None
        if text is not None and len(text.encode("utf-8", "surrogateescape")) <= self._width:
            return indent + text
        match expr:
            case BinaryExpr():
                left, right = self.lines(expr.lhs, level + 1), self.lines(expr.rhs, level + 1)
                return f"{left}\n{indent}{operator_text(expr)}\n{right}"
            case AggregateExpr():
                inner = [expr.expr] if expr.param is None else [expr.param, expr.expr]
                return self._enclosed(aggregation_head(expr), inner, level)
            case Call():
                return self._enclosed(expr.func, list(expr.args), level)
            case ParenExpr():
                return self._enclosed("", [expr.expr], level)
            case SubqueryExpr():
                return self.lines(expr.expr, level) + subquery_suffix(expr)
            case _:
                return indent + to_text(expr)

    def _enclosed(self, head: str, inner: list[Expr], level: int) -> str:
        indent = _INDENT * level
        body = ",\n".join(self.lines(one, level + 1) for one in inner)
        return f"{indent}{head}(\n{body}\n{indent})"
