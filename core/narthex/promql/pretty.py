"""An expression over several lines: whatever is too wide for one is split at its outermost operator or call."""

from __future__ import annotations

from narthex.promql.ast import AggregateExpr, BinaryExpr, Call, Expr, ParenExpr, SubqueryExpr, UnaryExpr
from narthex.promql.printer import aggregation_head, operator_text, subquery_suffix, to_text

__all__ = ["prettify"]

_INDENT = "  "


def prettify(expr: Expr, *, width: int = 100) -> str:
    """The text of ``expr``; a part is split when its one-line form has more than ``width`` bytes."""
    return _Layout(width).lines(expr, 0)


class _Layout:
    def __init__(self, width: int) -> None:
        self._width = width

    def lines(self, expr: Expr, level: int) -> str:
        """The text with every line indented for its depth."""
        indent = _INDENT * level
        text = to_text(expr)
        if isinstance(expr, UnaryExpr):  # its operand decides
            return f"{indent}{expr.op}{self.lines(expr.expr, level).lstrip()}"
        if len(text.encode("utf-8", "surrogateescape")) <= self._width:
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
                return indent + text

    def _enclosed(self, head: str, inner: list[Expr], level: int) -> str:
        indent = _INDENT * level
        body = ",\n".join(self.lines(one, level + 1) for one in inner)
        return f"{indent}{head}(\n{body}\n{indent})"
