"""Walk an expression and compute each node for all series and all steps at once.

One :class:`Evaluation` is one run of one query. A node's value is a :class:`Vector`, float64 ``[K]`` for a scalar, or a
text; ranges have no value of their own but are handed, block by block, to the function that reads them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from narthex.errors import QueryError
from narthex.model.histogram import negate
from narthex.model.matcher import Matcher
from narthex.promql.ast import (
    AggregateExpr,
    BinaryExpr,
    Call,
    Expr,
    NumberLiteral,
    ParenExpr,
    StringLiteral,
    UnaryExpr,
    VectorSelector,
)
from narthex.promql.engine.aggregation import aggregated
from narthex.promql.engine.arithmetic import ARITHMETIC, COMPARISONS, SET_OPERATORS
from narthex.promql.engine.countsonly import counts_only_selectors
from narthex.promql.engine.functions.registry import Function, Invocation, stripped
from narthex.promql.engine.matching import Operation, matched, with_scalar
from narthex.promql.engine.notes import Notes
from narthex.promql.engine.query import Annotations, Budget, Semantics, Steps
from narthex.promql.engine.reduction import WindowFunction, reduced
from narthex.promql.engine.runs import OfStretch
from narthex.promql.engine.selectors import Ranged, instant, ranged
from narthex.promql.engine.setops import set_operation
from narthex.promql.engine.vector import Floats, Vector, each_histogram
from narthex.promql.strings import quote_go
from narthex.storage.frames import Selection
from narthex.storage.protocol import StorageReader, WeighsHistograms

__all__ = ["Evaluation", "Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """How queries are evaluated. Durations in ms."""

    lookback: int = 300_000
    default_step: int = 60_000
    semantics: Semantics = field(default_factory=Semantics)

    @property
    def delayed_name_removal(self) -> bool:
        """Whether metric names are taken away at the end of the query."""
        return self.semantics.delayed_name_removal


class Evaluation:
    """One run of one query, the expression ``root``, over one storage. Not shared between threads."""

    def __init__(
        self,
        storage: StorageReader,
        functions: Mapping[str, Function],
        settings: Settings,
        budget: Budget,
        annotations: Annotations,
        root: Expr,
    ) -> None:
        self.storage = storage
        self._weighs = storage if isinstance(storage, WeighsHistograms) else None
        self.functions = functions
        self.settings = settings
        self.budget = budget
        self.annotations = annotations
        self._root = root
        self._counts_only: frozenset[int] | None = None

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        """The storage's answer. Raises ``QueryLimitError`` before more histograms are read than may be held."""
        if self._weighs is not None:
            self.budget.admit(self._weighs.histogram_weight(matchers, start, end))
        return self.storage.select(matchers, start, end)

    # --- values by type ---

    def vector(self, expr: Expr, steps: Steps) -> Vector:
        """The value of an expression whose type is an instant vector."""
        value = self.value(expr, steps)
        if not isinstance(value, Vector):
            raise QueryError(f"expected an instant vector, got {expr.type.documented}")
        return value

    def scalar(self, expr: Expr, steps: Steps) -> Floats:
        """The value of a scalar expression for each step: float64 ``[K]``."""
        if isinstance(expr, NumberLiteral):
            return np.full(steps.count, expr.value)
        value = self.value(expr, steps)
        if isinstance(value, Vector):
            raise QueryError(f"expected a scalar, got {expr.type.documented}")
        return value

    def text(self, expr: Expr) -> str:
        """The value of a string expression."""
        expr = stripped(expr)
        if not isinstance(expr, StringLiteral):
            raise QueryError(f"expected a string, got {expr.type.documented}")
        return expr.value

    def value(self, expr: Expr, steps: Steps) -> Vector | Floats:
        """The value of a scalar or an instant-vector expression."""
        self.budget.check()
        match expr:
            case NumberLiteral():
                return np.full(steps.count, expr.value)
            case ParenExpr():
                return self.value(stripped(expr), steps)
            case VectorSelector():
                return instant(self, expr, steps).vector
            case UnaryExpr():
                return self._signed(expr, steps)
            case BinaryExpr():
                return self._binary(expr, steps)
            case AggregateExpr():
                return self._held(aggregated(self, expr, steps))
            case Call():
                return self._called(expr, steps)
            case _:
                raise QueryError(f"{expr.type.documented} cannot be used here")

    def timestamps(self, expr: Expr, steps: Steps) -> Vector | None:
        """For a selector the times of the samples it finds, in seconds, as values; None for anything else."""
        if not isinstance(expr, VectorSelector):
            return None
        found = instant(self, expr, steps)
        return found.vector.with_values(found.times / 1000)

    def start_timestamps(self, expr: Expr, steps: Steps) -> Vector | None:
        """For a selector the start timestamps of the samples it finds, in seconds (0: unknown); None for others."""
        if not isinstance(expr, VectorSelector):
            return None
        found = instant(self, expr, steps)
        return found.vector.with_values(found.starts() / 1000)

    def counts_only(self, selector: VectorSelector) -> bool:
        """Whether the query asks for the count and sum of the selector's histograms only."""
        if self._counts_only is None:
            self._counts_only = counts_only_selectors(self._root)
        return id(selector) in self._counts_only

    # --- nodes ---

    def _held(self, value: Vector | Floats) -> Vector | Floats:
        if isinstance(value, Vector) and value.histograms is not None:
            self.budget.hold(int(value.sizes().sum()))
        else:
            self.budget.hold(value.samples if isinstance(value, Vector) else value.size)
        return value

    def _called(self, expr: Call, steps: Steps) -> Vector | Floats:
        function = self.functions.get(expr.func)
        if function is None:
            raise QueryError(f"unknown function {expr.func}")
        return self._held(function.apply(Invocation(expr, steps, self)))

    def _signed(self, expr: UnaryExpr, steps: Steps) -> Vector | Floats:
        value = self.value(expr.expr, steps)
        if expr.op == "+":
            return value
        if isinstance(value, Vector):
            delayed = self.settings.delayed_name_removal
            histograms = None if value.histograms is None else each_histogram(value.histograms, negate)
            return value.with_values(-value.values, histograms).without_name(delayed=delayed)
        return -value

    def _binary(self, expr: BinaryExpr, steps: Steps) -> Vector | Floats:
        """Operators lean left, so the left spine is a loop: a sum of 5,000 terms must not overflow the stack."""
        spine = [expr]
        while isinstance(inner := stripped(spine[-1].lhs), BinaryExpr):
            spine.append(inner)
        value = self.value(spine[-1].lhs, steps)
        for node in reversed(spine):
            value = self._held(self._operated(node, value, self.value(node.rhs, steps)))
        return value

    def _operated(self, expr: BinaryExpr, left: Vector | Floats, right: Vector | Floats) -> Vector | Floats:
        notes = Notes(self.annotations, expr.pos)
        operation = Operation(expr.op, expr.return_bool, self.settings.delayed_name_removal, notes)
        if isinstance(left, Vector) and isinstance(right, Vector):
            if expr.matching is None:
                raise QueryError(f"operator {expr.op} between vectors has no matching")
            if expr.op in SET_OPERATORS:
                return set_operation(expr.op, left, right, expr.matching)
            return matched(operation, left, right, expr.matching)
        if isinstance(left, Vector):
            assert not isinstance(right, Vector)  # both sides being vectors was dealt with above
            return with_scalar(operation, left, right, scalar_left=False)
        if isinstance(right, Vector):
            return with_scalar(operation, right, left, scalar_left=True)
        if expr.op in COMPARISONS:
            return COMPARISONS[expr.op](left, right).astype(np.float64)
        if expr.op not in ARITHMETIC:
            raise QueryError(f"operator {quote_go(expr.op)} not allowed for scalar operations")
        return ARITHMETIC[expr.op](left, right)

    # --- ranges ---

    def ranged(self, expr: Expr, steps: Steps, function: str = "") -> Ranged:
        """The windows of a range selector or a subquery; ``function`` is who asks."""
        return ranged(self, stripped(expr), steps, function)

    def over_windows(
        self,
        expr: Expr,
        steps: Steps,
        compute: WindowFunction,
        function: str = "",
        native: OfStretch | None = None,
    ) -> Vector:
        """``compute`` over every window of a range expression, block by block; metric names are kept.

        ``native`` tells what windows with histograms give; without it their histograms are ignored.
        """
        notes = Notes(self.annotations, expr.pos)
        return self.reduced(self.ranged(expr, steps, function), steps, compute, native, notes)

    def reduced(
        self, source: Ranged, steps: Steps, compute: WindowFunction, native: OfStretch | None, notes: Notes
    ) -> Vector:
        """The same for the windows of a source; ``notes`` is where annotations belong to."""
        return reduced(source, steps, compute, native, notes, self.budget)
