"""Which queries are so small that handing them to a worker thread would cost more than answering them.

A dashboard asks for single series by the dozen, and of such a query's time most goes into waking a thread, waiting for
the interpreter, and waking the event loop again. So where the storage can tell that all selections of a query are a
handful of series in memory, it is answered where it arrived. The bounds keep that below the time of one scrape.
"""

from __future__ import annotations

from narthex.promql.ast import Expr, MatrixSelector, SubqueryExpr, VectorSelector, walk
from narthex.promql.engine.query import Steps
from narthex.storage.protocol import KnowsSmall

__all__ = ["is_small"]

_SELECTORS = 2
_STEPS = 500
_CELLS = 4_000
"""Steps times series of a selection, at most; about a millisecond to evaluate and write out."""


def is_small(expr: Expr, steps: Steps, lookback: int, storage: KnowsSmall) -> bool:
    """Whether every selection of the expression is known to be small; False where it takes work to tell.

    ``lookback`` is in ms.
    """
    if steps.count > _STEPS:
        return False
    nodes = list(walk(expr))
    selectors = [node for node in nodes if isinstance(node, VectorSelector)]
    if len(selectors) > _SELECTORS or any(isinstance(node, SubqueryExpr) for node in nodes):
        return False
    if any(one.at is not None or one.offset for one in selectors):
        return False
    reach = max((node.range for node in nodes if isinstance(node, MatrixSelector)), default=0)
    start, series = steps.start - max(reach, lookback), _CELLS // steps.count
    return all(storage.is_small(one.matchers, start, steps.end, series) for one in selectors)
