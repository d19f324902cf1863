"""The engine: parse, evaluate, answer. Synchronous and thread-safe; call it in worker threads."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from narthex.errors import ParseError, QueryError
from narthex.promql.ast import Expr, MatrixSelector, StringLiteral, SubqueryExpr
from narthex.promql.durations import is_symbolic, resolve
from narthex.promql.engine.evaluate import Evaluation, Settings
from narthex.promql.engine.functions import STANDARD
from narthex.promql.engine.functions.registry import Function, stripped
from narthex.promql.engine.query import Annotations, Budget, Limits, Semantics, Steps
from narthex.promql.engine.result import from_scalar, from_vector, whole_windows
from narthex.promql.engine.small import Shape, is_small, shape_of
from narthex.promql.engine.trace import PlanNode, TracedEvaluation, Tracer
from narthex.promql.engine.vector import Floats, Vector
from narthex.promql.parser import ALL_OPTIONS, ParserOptions, parse
from narthex.promql.printer import to_text
from narthex.promql.value import QueryResult, QueryStats, String, Value
from narthex.promql.valuetype import ValueType
from narthex.storage.protocol import KnowsSmall, StorageReader

__all__ = ["Engine"]

_PARSED = 256
_UNLIMITED = Limits()
_PLAIN = Semantics()


@dataclass(frozen=True, slots=True)
class _Understood:
    """A parsed query, with what is asked of it each time: whether durations are computed, and its shape, if small."""

    expr: Expr
    symbolic: bool
    shape: Shape | None

    @classmethod
    def of(cls, expr: Expr) -> _Understood:
        return cls(expr, is_symbolic(expr), shape_of(expr))


class Engine:
    """Answers PromQL queries over one storage.

    ``lookback`` and ``default_step`` (of subqueries that give none) are in ms; ``max_samples`` bounds the samples held
    at a time; ``functions`` are those known, by name. All methods may be called from several threads at once.
    """

    def __init__(
        self,
        storage: StorageReader,
        *,
        lookback: int = 300_000,
        max_samples: int = 50_000_000,
        default_step: int = 60_000,
        semantics: Semantics = _PLAIN,
        options: ParserOptions = ALL_OPTIONS,
        functions: Mapping[str, Function] = STANDARD,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._storage = storage
        self._knows_small = storage if isinstance(storage, KnowsSmall) else None
        self._settings = Settings(lookback, default_step, semantics)
        self._max_samples = max_samples
        self._options = options
        self._functions = functions
        self._monotonic = monotonic
        self._parsed: OrderedDict[str, _Understood] = OrderedDict()
        self._lock = threading.Lock()

    def step_by_default(self, step: int) -> None:
        """Use another ``default_step`` (ms) from the next query on."""
        self._settings = replace(self._settings, default_step=step)

    def parse(self, text: str) -> Expr:
        """The expression of a query's text; the last few are kept. Raises ``ParseError``."""
        return self._understood(text).expr

    def _understood(self, text: str) -> _Understood:
        with self._lock:
            known = self._parsed.get(text)
            if known is not None:
                self._parsed.move_to_end(text)
                return known
        found = _Understood.of(parse(text, options=self._options))
        with self._lock:
            self._parsed[text] = found
            if len(self._parsed) > _PARSED:
                self._parsed.popitem(last=False)
        return found

    def is_small(self, text: str, steps: Steps) -> bool:
        """Whether a query may be answered on the event loop. Raises ``ParseError``."""
        storage, shape = self._knows_small, self._understood(text).shape
        if storage is None or shape is None:
            return False
        return is_small(shape, steps, self._settings.lookback, storage)

    def instant(
        self, expr: str | Expr, time: int, *, limits: Limits = _UNLIMITED, lookback: int | None = None
    ) -> QueryResult:
        """Evaluate at one time (ms since the epoch); ``lookback`` (ms) in place of the engine's.

        Raises ``QueryError`` and its kinds: ``ParseError``, ``QueryTimeoutError``, ``QueryLimitError``,
        ``QueryCancelledError``; ``StorageError`` from the storage.
        """
        return self.evaluate(expr, Steps.every(time, time, 0), limits=limits, lookback=lookback)

    def range(
        self,
        expr: str | Expr,
        start: int,
        end: int,
        step: int,
        *,
        limits: Limits = _UNLIMITED,
        lookback: int | None = None,
    ) -> QueryResult:
        """Evaluate at ``start``, ``start + step``, … up to ``end`` (ms); errors as :meth:`instant`."""
        if step <= 0:
            raise QueryError("zero or negative query resolution step widths are not accepted")
        if end < start:
            raise QueryError("end timestamp must not be before start time")
        Budget(limits, self._max_samples).hold((end - start) // step)  # before the steps themselves are made
        return self.evaluate(expr, Steps.every(start, end, step), limits=limits, lookback=lookback)

    def evaluate(
        self, expr: str | Expr, steps: Steps, *, limits: Limits = _UNLIMITED, lookback: int | None = None
    ) -> QueryResult:
        """Evaluate at the given steps; errors as :meth:`instant`."""
        return self._run(expr, steps, limits, lookback)

    def explain(self, expr: str | Expr, steps: Steps, *, limits: Limits = _UNLIMITED) -> tuple[QueryResult, PlanNode]:
        """Evaluate, and tell what each node of the expression gave and took; errors as :meth:`instant`."""
        tracer = Tracer(self._monotonic)
        result = self._run(expr, steps, limits, None, tracer)
        return result, tracer.root

    def _run(
        self, query: str | Expr, steps: Steps, limits: Limits, lookback: int | None, tracer: Tracer | None = None
    ) -> QueryResult:
        began = self._monotonic()
        understood = self._understood(query) if isinstance(query, str) else _Understood.of(query)
        parsed = understood.expr
        if not steps.instant and parsed.type not in {ValueType.SCALAR, ValueType.VECTOR}:
            kind = parsed.type.documented
            raise ParseError(f'invalid expression type "{kind}" for range query, must be Scalar or instant Vector', ())
        budget = Budget(limits, self._max_samples, self._monotonic, steps.count)
        budget.check()
        annotations = Annotations(query if isinstance(query, str) else partial(to_text, query))
        settings = self._settings if lookback is None else replace(self._settings, lookback=lookback)
        make = Evaluation if tracer is None else partial(TracedEvaluation, tracer)
        try:
            plain = not understood.symbolic
            resolved = parsed if plain else resolve(parsed, step=steps.step, range_=steps.end - steps.start)
            evaluation = make(self._storage, self._functions, settings, budget, annotations, resolved)
            prepared = self._monotonic()
            with np.errstate(all="ignore"):
                value = _evaluated(evaluation, stripped(resolved), steps)
                evaluated = self._monotonic()
                answer = _answer(value, steps)
        except RecursionError:
            raise QueryError("the expression is nested too deeply") from None
        budget.check()
        samples = int(budget.by_step.sum())
        seconds = (prepared - began, evaluated - prepared, self._monotonic() - evaluated)
        stats = QueryStats(samples, budget.peak, budget.by_step, *seconds)
        return QueryResult(answer, annotations.warnings, annotations.infos, stats)


def _evaluated(evaluation: Evaluation, expr: Expr, steps: Steps) -> Value | Vector | Floats:
    if isinstance(expr, StringLiteral):
        return String(expr.value, int(steps.times[0]))
    if isinstance(expr, MatrixSelector | SubqueryExpr):
        source = evaluation.ranged(expr, steps)
        with evaluation.budget.not_counted() if isinstance(expr, SubqueryExpr) else nullcontext():
            return whole_windows(source, evaluation.budget)
    return evaluation.value(expr, steps)


def _answer(value: Value | Vector | Floats, steps: Steps) -> Value:
    if isinstance(value, Vector):
        return from_vector(value, steps)
    return from_scalar(value, steps) if isinstance(value, np.ndarray) else value
