"""Which selectors are asked for counts and sums of histograms only, and not for their buckets."""

from __future__ import annotations

from narthex.promql.ast import BinaryExpr, Call, Expr, MatrixSelector, SubqueryExpr, VectorSelector, children

__all__ = ["counts_only_selectors"]

_COUNTS = frozenset({"histogram_avg", "histogram_count", "histogram_sum"})
_BUCKETS = frozenset({"histogram_fraction", "histogram_quantile", "histogram_quantiles"})


def counts_only_selectors(expr: Expr) -> frozenset[int]:
    """The ``id`` of each selector below a function of counts.

    Functions of buckets and subqueries on the way need the whole histograms, and so do the operands of an operator.
    """
    found: set[int] = set()
    waiting = [(expr, False, False)]  # a list, for a sum of 5,000 terms is nested as deeply
    while waiting:
        node, counts, buckets = waiting.pop()
        match node:
            case VectorSelector():
                if counts and not buckets:
                    found.add(id(node))
                continue
            case MatrixSelector(selector=selector):
                waiting.append((selector, counts, buckets))
                continue
            case Call(func=name):
                counts, buckets = counts or name in _COUNTS, buckets or name in _BUCKETS
            case SubqueryExpr():
                buckets = True
            case BinaryExpr():
                counts = buckets = False
        waiting += [(one, counts, buckets) for one in children(node)]
    return frozenset(found)
