"""What each node of a query gave and took: the plan that ``narthex query explain`` prints.

Only a traced evaluation pays for it; the other has no branch for it anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from narthex.promql.ast import (
    AggregateExpr,
    BinaryExpr,
    Call,
    Expr,
    NumberLiteral,
    StringLiteral,
    SubqueryExpr,
    UnaryExpr,
)
from narthex.promql.engine.evaluate import Evaluation
from narthex.promql.engine.functions.registry import stripped
from narthex.promql.engine.query import Steps
from narthex.promql.engine.selectors import Ranged
from narthex.promql.engine.vector import Floats, Vector
from narthex.promql.printer import aggregation_head, operator_text, subquery_suffix, to_text

__all__ = ["PlanNode", "TracedEvaluation", "Tracer"]


@dataclass(slots=True)
class PlanNode:
    """One node, evaluated once for all steps.

    ``what`` is the operation, or a whole selector; ``series`` and ``samples`` count the outcome (of a range selector
    the series that were selected, and no samples: they are read by the function around it, block by block).
    ``seconds`` is the time with all ``children``.
    """

    what: str
    series: int = 0
    samples: int = 0
    seconds: float = 0.0
    children: list[PlanNode] = field(default_factory=list)

    @property
    def own_seconds(self) -> float:
        """The time without the children."""
        return self.seconds - sum(child.seconds for child in self.children)


class Tracer:
    """Collects nodes; ``monotonic`` tells seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._open = [PlanNode("query")]

    @property
    def root(self) -> PlanNode:
        """The node of the whole expression."""
        whole = self._open[0]
        return whole.children[0] if whole.children else whole

    @contextmanager
    def node(self, expr: Expr) -> Iterator[PlanNode]:
        """A node that is being evaluated."""
        node = PlanNode(_what(expr))
        self._open[-1].children.append(node)
        self._open.append(node)
        began = self._monotonic()
        try:
            yield node
        finally:
            node.seconds = self._monotonic() - began
            self._open.pop()


class TracedEvaluation(Evaluation):
    """An evaluation that tells a tracer of every node. A chain of operators is one node, its operands the children."""

    def __init__(self, tracer: Tracer, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._tracer = tracer

    def value(self, expr: Expr, steps: Steps) -> Vector | Floats:
        """The value of a scalar or an instant-vector expression."""
        expr = stripped(expr)
        if isinstance(expr, NumberLiteral | StringLiteral):
            return super().value(expr, steps)
        with self._tracer.node(expr) as node:
            value = super().value(expr, steps)
        node.series = value.size if isinstance(value, Vector) else 1
        node.samples = value.samples if isinstance(value, Vector) else value.size
        return value

    def ranged(self, expr: Expr, steps: Steps, function: str = "") -> Ranged:
        """The windows of a range selector or a subquery."""
        with self._tracer.node(stripped(expr)) as node:
            source = super().ranged(expr, steps, function)
        node.series = source.labels.rows
        return source


def _what(expr: Expr) -> str:
    match expr:
        case Call():
            return f"{expr.func}()"
        case AggregateExpr():
            return aggregation_head(expr).rstrip()
        case BinaryExpr():
            return operator_text(expr)
        case UnaryExpr():
            return f"unary {expr.op}"
        case SubqueryExpr():
            return f"subquery {subquery_suffix(expr)}"
        case _:
            return to_text(expr)
