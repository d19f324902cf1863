"""The abstract syntax of PromQL as frozen values.

Two expressions are equal when they mean the same: positions (``pos``, byte ranges of the UTF-8 text) take no part in
comparisons, so ``parse("a+b") == parse("a + b")``. All times are int milliseconds.

A duration that the text computes (``[5m * 2]``, ``offset step()``) stays symbolic as :class:`DurationExpr` beside the
plain field, because ``step()`` and ``range()`` are known only to a running query. The plain field is 0 then;
:func:`narthex.promql.durations.resolve` gives an expression in which every duration is a number.

Deep input makes deep trees: a sum of 5,000 terms leans left 5,000 levels. :func:`walk` does not recurse.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Literal, NamedTuple

from narthex.model.matcher import Matcher
from narthex.promql.valuetype import ValueType

__all__ = [
    "AggregateExpr",
    "At",
    "BinaryExpr",
    "Call",
    "Cardinality",
    "DurationExpr",
    "Expr",
    "MatrixSelector",
    "NumberLiteral",
    "ParenExpr",
    "Span",
    "StringLiteral",
    "SubqueryExpr",
    "UnaryExpr",
    "VectorMatching",
    "VectorSelector",
    "children",
    "walk",
]


class Span(NamedTuple):
    """Where something stands: bytes of the UTF-8 text, end exclusive."""

    start: int
    end: int


_NOWHERE = Span(0, 0)


@dataclass(frozen=True, slots=True)
class At:
    """The ``@`` modifier: a fixed time (``timestamp``, ms), or the query's start or end."""

    kind: Literal["timestamp", "start", "end"]
    timestamp: int = 0


@dataclass(frozen=True, slots=True)
class NumberLiteral:
    """A number. ``duration`` says that it was written as one (``5m``, in seconds) and prints so."""

    value: float
    duration: bool = field(default=False, compare=False)
    pos: Span = field(default=_NOWHERE, compare=False, repr=False)
    type: ClassVar[ValueType] = ValueType.SCALAR


@dataclass(frozen=True, slots=True)
class StringLiteral:
    r"""A text. Bytes that are not UTF-8 (``"\xff"``) stand as lone surrogates (``surrogateescape``)."""

    value: str
    pos: Span = field(default=_NOWHERE, compare=False, repr=False)
    type: ClassVar[ValueType] = ValueType.STRING


@dataclass(frozen=True, slots=True)
class DurationExpr:
    """A computed duration, in seconds.

    ``op`` is ``+ - * / % ^`` (``lhs`` None: a sign), ``min_of``, ``max_of``, ``step()`` or ``range()``. ``wrapped``
    says that parentheses stand around it; a parenthesised number is the sign ``+`` over it.
    """

    op: str
    lhs: DurationExpr | NumberLiteral | None = None
    rhs: DurationExpr | NumberLiteral | None = None
    wrapped: bool = False
    pos: Span = field(default=_NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class VectorSelector:
    """Series by matchers. ``name`` is the bare metric name; its matcher is the last of ``matchers`` then.

    A name inside the braces, quoted or as ``__name__``, leaves ``name`` empty and stands among ``matchers`` only.
    """

    name: str
    matchers: tuple[Matcher, ...]
    offset: int = 0
    offset_expr: DurationExpr | None = None
    at: At | None = None
    anchored: bool = False
    smoothed: bool = False
    pos: Span = field(default=_NOWHERE, compare=False, repr=False)
    type: ClassVar[ValueType] = ValueType.VECTOR


@dataclass(frozen=True, slots=True)
class MatrixSelector:
    """Samples of the last ``range`` ms. Offset and ``@`` belong to ``selector``."""

    selector: VectorSelector
    range: int
    range_expr: DurationExpr | None = None
    pos: Span = field(default=_NOWHERE, compare=False, repr=False)
    type: ClassVar[ValueType] = ValueType.MATRIX


@dataclass(frozen=True, slots=True)
class SubqueryExpr:
    """``expr`` evaluated over ``range`` ms every ``step`` ms (0: the engine's default step)."""

    expr: Expr
    range: int
    range_expr: DurationExpr | None = None
    step: int = 0
    step_expr: DurationExpr | None = None
    offset: int = 0
    offset_expr: DurationExpr | None = None
    at: At | None = None
    pos: Span = field(default=_NOWHERE, compare=False, repr=False)
    type: ClassVar[ValueType] = ValueType.MATRIX


@dataclass(frozen=True, slots=True)
class ParenExpr:
    """An expression in parentheses; kept so that printing gives the text back."""

    expr: Expr
    pos: Span = field(default=_NOWHERE, compare=False, repr=False)
    type: ValueType = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "type", self.expr.type)


@dataclass(frozen=True, slots=True)
class UnaryExpr:
    """A sign, ``+`` or ``-``, before something that is not a number."""

    op: str
    expr: Expr
    pos: Span = field(default=_NOWHERE, compare=False, repr=False)
    type: ValueType = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "type", self.expr.type)


Cardinality = Literal["one-to-one", "many-to-one", "one-to-many", "many-to-many"]


@dataclass(frozen=True, slots=True)
class VectorMatching:
    """How the two sides of a binary operation find each other.

    ``labels`` are those of ``on`` (``on`` true) or ``ignoring``; ``include`` those of ``group_left`` (many-to-one) or
    ``group_right`` (one-to-many). ``fill_left`` and ``fill_right`` stand in for a series missing on that side.
    """

    card: Cardinality = "one-to-one"
    labels: tuple[str, ...] = ()
    on: bool = False
    include: tuple[str, ...] = ()
    fill_left: float | None = None
    fill_right: float | None = None


@dataclass(frozen=True, slots=True)
class BinaryExpr:
    """``lhs op rhs``; ``matching`` is there exactly when both sides are vectors."""

    op: str
    lhs: Expr
    rhs: Expr
    matching: VectorMatching | None = None
    return_bool: bool = False
    pos: Span = field(default=_NOWHERE, compare=False, repr=False)
    op_pos: Span = field(default=_NOWHERE, compare=False, repr=False)
    type: ValueType = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        both = self.lhs.type is ValueType.SCALAR and self.rhs.type is ValueType.SCALAR
        object.__setattr__(self, "type", ValueType.SCALAR if both else ValueType.VECTOR)


@dataclass(frozen=True, slots=True)
class AggregateExpr:
    """An aggregation over ``expr``, grouped by (or, with ``without``, by all but) the labels ``grouping``."""

    op: str
    expr: Expr
    param: Expr | None = None
    grouping: tuple[str, ...] = ()
    without: bool = False
    pos: Span = field(default=_NOWHERE, compare=False, repr=False)
    type: ClassVar[ValueType] = ValueType.VECTOR


@dataclass(frozen=True, slots=True)
class Call:
    """A function call; the parser takes ``type`` from the function's signature."""

    func: str
    args: tuple[Expr, ...]
    type: ValueType = field(default=ValueType.VECTOR, compare=False, repr=False)
    pos: Span = field(default=_NOWHERE, compare=False, repr=False)


Expr = (
    NumberLiteral
    | StringLiteral
    | VectorSelector
    | MatrixSelector
    | SubqueryExpr
    | ParenExpr
    | UnaryExpr
    | BinaryExpr
    | AggregateExpr
    | Call
)


def children(expr: Expr) -> tuple[Expr, ...]:
    """The direct sub-expressions, in the order of the text."""
    match expr:
        case BinaryExpr(lhs=lhs, rhs=rhs):
            return (lhs, rhs)
        case Call(args=args):
            return args
        case AggregateExpr(expr=inner, param=None):
            return (inner,)
        case AggregateExpr(expr=inner, param=param):
            assert param is not None  # the case above took None
            return (param, inner)
        case ParenExpr(expr=inner) | UnaryExpr(expr=inner) | SubqueryExpr(expr=inner):
            return (inner,)
        case MatrixSelector(selector=selector):
            return (selector,)
        case _:
            return ()


def walk(expr: Expr) -> Iterator[Expr]:
    """The expression and everything below it, parents before children, in the order of the text."""
    stack = [expr]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(children(node)))
