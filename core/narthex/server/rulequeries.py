"""Queries of rules: bounded in time as users' queries are, and broken off when a stop has waited long enough."""

from __future__ import annotations

import threading
from collections.abc import Callable

from narthex.promql.ast import Expr
from narthex.promql.engine import Engine, Limits
from narthex.promql.value import QueryResult

__all__ = ["RuleQueries"]


class RuleQueries:
    """Callable as rules call the engine, from any thread. ``timeout`` (seconds) is for each query."""

    def __init__(self, engine: Engine, timeout: float, monotonic: Callable[[], float]) -> None:
        self._engine = engine
        self._timeout = timeout
        self._monotonic = monotonic
        self._cancelled = threading.Event()

    def __call__(self, expr: str | Expr, time: int) -> QueryResult:
        """Evaluate at ``time`` (ms). Raises ``QueryError``, past the deadline and after :meth:`cancel`, too."""
        limits = Limits(deadline=self._monotonic() + self._timeout, cancelled=self._cancelled.is_set)
        return self._engine.instant(expr, time, limits=limits)

    def cancel(self) -> None:
        """Break off what runs, and whatever comes."""
        self._cancelled.set()
