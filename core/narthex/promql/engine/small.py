"""Which queries are so small that handing them to a worker thread would cost more than answering them.

A dashboard asks for single series by the dozen, and of such a query's time most goes into waking a thread, waiting for
the interpreter, and waking the event loop again. So where the storage can tell that all selections of a query are a
handful of series in memory, it is answered where it arrived. The bounds keep that below the time of one scrape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from narthex.model.matcher import Matcher
from narthex.promql.ast import Expr, MatrixSelector, SubqueryExpr, VectorSelector, walk
from narthex.promql.engine.query import Steps
from narthex.storage.protocol import KnowsSmall

__all__ = ["Shape", "is_small", "shape_of"]

_SELECTORS = 2
_STEPS = 500
_CELLS = 4_000
"""Steps times series of a selection, at most; about a millisecond to evaluate and write out."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What an expression looks at: the matchers of its selectors, and how far back (ms) their ranges reach."""

    selections: tuple[Sequence[Matcher], ...]
    reach: int


def shape_of(expr: Expr) -> Shape | None:
    """The shape of an expression that may be small, or None."""
    nodes = list(walk(expr))
    selectors = [node for node in nodes if isinstance(node, VectorSelector)]
    if len(selectors) > _SELECTORS or any(isinstance(node, SubqueryExpr) for node in nodes):
        return None
    if any(one.at is not None or one.offset for one in selectors):
        return None
    reach = max((node.range for node in nodes if isinstance(node, MatrixSelector)), default=0)
    return Shape(tuple(one.matchers for one in selectors), reach)


def is_small(shape: Shape, steps: Steps, lookback: int, storage: KnowsSmall) -> bool:
    """Whether every selection is known to be small; False where it takes work to tell. ``lookback`` is in ms."""
    if steps.count > _STEPS:
        return False
    start, series = steps.start - max(shape.reach, lookback), _CELLS // steps.count
    return all(storage.is_small(matchers, start, steps.end, series) for matchers in shape.selections)
