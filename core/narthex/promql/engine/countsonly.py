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
    _walk(expr, found, counts=False, buckets=False)
    return frozenset(found)


def _walk(expr: Expr, found: set[int], *, counts: bool, buckets: bool) -> None:
    match expr:
        case VectorSelector():
            if counts and not buckets:
                found.add(id(expr))
            return
        case MatrixSelector(selector=selector):
            _walk(selector, found, counts=counts, buckets=buckets)
            return
        case Call(func=name):
            counts, buckets = counts or name in _COUNTS, buckets or name in _BUCKETS
        case SubqueryExpr():
            buckets = True
        case BinaryExpr():
            counts = buckets = False
    for one in children(expr):
        _walk(one, found, counts=counts, buckets=buckets)
