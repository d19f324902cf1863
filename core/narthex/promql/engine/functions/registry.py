"""What a PromQL function is to the engine, and how the implementations of this package describe themselves.

Names, argument types and results are the parser's (:mod:`narthex.promql.signatures`); here a name gets its code. Most
functions are one array expression: over the values of a vector (:func:`of_values`) or over the windows of a range
(:func:`of_window`). The others get the whole :class:`Invocation`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from narthex.promql.ast import Call, Expr, ParenExpr, Span
from narthex.promql.engine.query import Annotations, Steps
from narthex.promql.engine.runs import OfStretch, Sample, Stretch
from narthex.promql.engine.vector import Bools, Floats, Vector
from narthex.promql.engine.window import Window

if TYPE_CHECKING:
    from narthex.promql.engine.evaluate import Evaluation

__all__ = ["Function", "Implementation", "Invocation", "WindowFunction", "of_values", "of_window", "stripped", "table"]


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call being evaluated: gives its arguments, evaluated for all steps."""

    call: Call
    steps: Steps
    evaluation: Evaluation

    @property
    def count(self) -> int:
        """Number of arguments."""
        return len(self.call.args)

    @property
    def annotations(self) -> Annotations:
        """Where warnings and infos go."""
        return self.evaluation.annotations

    @property
    def delayed(self) -> bool:
        """Whether metric names are taken away at the end of the query."""
        return self.evaluation.settings.delayed_name_removal

    def vector(self, index: int) -> Vector:
        """Argument ``index``, an instant vector."""
        return self.evaluation.vector(self.call.args[index], self.steps)

    def scalar(self, index: int, default: float | None = None) -> Floats:
        """Argument ``index``, a number for each step: float64 ``[K]``; ``default`` where it is left out."""
        if default is not None and index >= self.count:
            return np.full(self.steps.count, default)
        return self.evaluation.scalar(self.call.args[index], self.steps)

    def text(self, index: int) -> str:
        """Argument ``index``, a string."""
        return self.evaluation.text(self.call.args[index])

    def pos(self, index: int) -> Span:
        """Where argument ``index`` stands, for annotations."""
        return self.call.args[index].pos

    def argument(self, index: int) -> Expr:
        """Argument ``index`` as it was parsed, without parentheses around it."""
        return stripped(self.call.args[index])

    def numbers(self, index: int) -> Vector:
        """Argument ``index``, an instant vector, without the samples that are histograms."""
        return self.vector(index).floats()

    def over_windows(
        self,
        index: int,
        function: Callable[[Window], tuple[Floats, Bools | None]],
        native: OfStretch | None = None,
    ) -> Vector:
        """``function`` over every window of argument ``index``, a range vector; metric names are kept.

        ``native`` tells what windows with histograms give; without it their histograms are ignored.
        """
        return self.evaluation.over_windows(self.call.args[index], self.steps, function, self.call.func, native)


def stripped(expr: Expr) -> Expr:
    """The expression inside parentheses."""
    while isinstance(expr, ParenExpr):
        expr = expr.expr
    return expr


Implementation = Callable[[Invocation], "Vector | Floats"]
"""Returns a vector, or float64 ``[K]`` for a function that gives a scalar."""

WindowFunction = Callable[..., "tuple[Floats, Bools | None]"]
"""From a window and float64 ``[K, 1]`` parameters to values ``[K, n]`` and where they are (None: everywhere)."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function by the name the parser knows."""

    name: str
    apply: Implementation


def of_values(name: str, compute: Callable[..., Floats]) -> Function:
    """A function of each value alone; further arguments are scalars, given as ``[K, 1]``. Takes the name away.

    Native histograms are left out.
    """

    def apply(invocation: Invocation) -> Vector:
        vector = invocation.numbers(0)
        scalars = [invocation.scalar(index)[:, None] for index in range(1, invocation.count)]
        values = compute(vector.values, *scalars)
        return vector.with_values(values).without_name(delayed=invocation.delayed)

    return Function(name, apply)


def of_window(
    name: str,
    compute: WindowFunction,
    *,
    window: int = 0,
    keep_name: bool = False,
    native: Callable[[Stretch], Sample | None] | OfStretch | None = None,
) -> Function:
    """A function of each window alone; argument ``window`` is the range vector, the others are scalars.

    ``native`` tells what windows with histograms give; without it their histograms are ignored.
    """
    of_stretch = native if native is None or isinstance(native, OfStretch) else OfStretch(native)

    def apply(invocation: Invocation) -> Vector:
        others = [index for index in range(invocation.count) if index != window]
        scalars = [invocation.scalar(index)[:, None] for index in others]
        result = invocation.over_windows(window, lambda one: compute(one, *scalars), of_stretch)
        return result if keep_name else result.without_name(delayed=invocation.delayed)

    return Function(name, apply)


def table(functions: Iterable[Function]) -> Mapping[str, Function]:
    """Functions by name."""
    return MappingProxyType({function.name: function for function in functions})
