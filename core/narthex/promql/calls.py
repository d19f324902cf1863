"""Function calls and aggregations: their arguments, and whether number and types of the arguments are right."""

from __future__ import annotations

from collections.abc import Callable

from narthex.promql.ast import AggregateExpr, Call, Expr, NumberLiteral, Span, VectorSelector
from narthex.promql.cursor import Cursor, StopParsing
from narthex.promql.selectors import label_list
from narthex.promql.signatures import EXPERIMENTAL_AGGREGATIONS, PARAMETER_AGGREGATIONS, Signature
from narthex.promql.strings import quote_go
from narthex.promql.tokens import ERROR, EXPRESSION_KINDS
from narthex.promql.valuetype import ValueType

__all__ = ["aggregation", "function_call"]

ParseExpr = Callable[[Cursor], Expr]

_NOTHING = NumberLiteral(0.0)


def function_call(cursor: Cursor, parse: ParseExpr) -> Call:
    """Take a call; the caller has seen a name and ``(``."""
    name = cursor.take()
    mark = len(cursor.typing)
    arguments = _arguments(cursor, parse, label_selector_at=1 if name.text == "info" else -1)
    signature = cursor.options.functions.get(name.text)
    if signature is None:
        cursor.fault((name.start, name.end), f"unknown function with name {quote_go(name.text)}")
    elif signature.experimental and not cursor.options.experimental_functions:
        cursor.fault((name.start, name.end), f"function {quote_go(name.text)} is not enabled")
    span = Span(name.start, cursor.end)
    if signature is None:
        return Call(name.text, arguments, pos=span)
    _check_count(cursor, signature, len(arguments), span, mark)
    _check_arguments(cursor, signature, arguments)
    return Call(name.text, arguments, signature.returns, span)


def _arguments(cursor: Cursor, parse: ParseExpr, *, label_selector_at: int = -1) -> tuple[Expr, ...]:
    """The arguments in parentheses. ``label_selector_at`` counts the one that is a mere list of matchers."""
    cursor.expect("(")
    arguments: list[Expr] = []
    while cursor.token.kind != ")" or arguments:
        mark = len(cursor.typing)
        arguments.append(parse(cursor))
        if len(arguments) - 1 == label_selector_at:
            _check_label_selector(cursor, arguments[-1], mark)
        if not _comma(cursor):
            break
    cursor.expect(")")
    return tuple(arguments)


def _comma(cursor: Cursor) -> bool:
    """Take the comma before another argument, noting those that no argument follows. False: there is none."""
    while (comma := cursor.take_if(",")) is not None:
        if cursor.token.kind in EXPRESSION_KINDS:
            return True
        cursor.look()
        cursor.fault((comma.start, comma.end), "trailing commas not allowed in function call args")
    return False


def _check_label_selector(cursor: Cursor, expr: Expr, mark: int) -> None:
    """``info``'s second argument: matchers in braces, which may match everything."""
    if not isinstance(expr, VectorSelector):
        if expr.type is ValueType.VECTOR:
            cursor.mistype(expr.pos, "expected label selectors only")
    elif expr.name:
        cursor.mistype(expr.pos, "expected label selectors only, got vector selector instead")
    else:
        del cursor.typing[mark:]  # a selector without a name can only have been found to match everything


def _check_count(cursor: Cursor, signature: Signature, count: int, span: Span, mark: int) -> None:
    least, most = signature.least, signature.most
    if least <= count and (most is None or count <= most):
        return
    if not signature.variadic:
        wanted = str(least)
    elif count < least:
        wanted = f"at least {least}"
    else:
        wanted = f"at most {most}"
    message = f"expected {wanted} argument(s) in call to {quote_go(signature.name)}, got {count}"
    cursor.typing.insert(mark, (*span, message))  # it goes before what is wrong inside the arguments


def _check_arguments(cursor: Cursor, signature: Signature, arguments: tuple[Expr, ...]) -> None:
    checked = arguments if signature.variadic else arguments[: len(signature.args)]
    for index, argument in enumerate(checked):
        wanted = signature.argument(index)
        if argument.type is not wanted:
            _mismatch(cursor, argument, wanted, f"call to function {quote_go(signature.name)}")


def _mismatch(cursor: Cursor, expr: Expr, wanted: ValueType, where: str) -> None:
    cursor.mistype(expr.pos, f"expected type {wanted.documented} in {where}, got {expr.type.documented}")


def aggregation(cursor: Cursor, parse: ParseExpr) -> AggregateExpr:
    """Take an aggregation; the caller has seen its operator, followed by ``(``, ``by`` or ``without``."""
    operator = cursor.take()
    try:
        without, grouping = _grouping(cursor)
        arguments = _arguments(cursor, parse)
        if grouping is None:
            cursor.look()
            without, grouping = _grouping(cursor)
    except StopParsing as stop:
        if not stop.placed:
            _blame(cursor, operator.start)
        raise StopParsing(placed=True) from None
    span = Span(operator.start, cursor.end)
    param, expr = _operands(cursor, operator.kind, arguments, span)
    return AggregateExpr(operator.kind, expr, param, grouping or (), without, span)


def _grouping(cursor: Cursor) -> tuple[bool, tuple[str, ...] | None]:
    if cursor.token.kind not in {"by", "without"}:
        return False, None
    without = cursor.take().kind == "without"
    return without, label_list(cursor)


def _blame(cursor: Cursor, start: int) -> None:
    """Say that the last error was met in an aggregation, which has therefore no arguments."""
    if cursor.token.kind != ERROR:
        left, right, message = cursor.syntax.pop()
        cursor.fault((left, right), f"{message} in aggregation")
    cursor.fault((start, cursor.closing()), "no arguments for aggregate expression provided")


def _operands(cursor: Cursor, op: str, arguments: tuple[Expr, ...], span: Span) -> tuple[Expr | None, Expr]:
    if not arguments:
        cursor.fault(span, "no arguments for aggregate expression provided")
        return None, _NOTHING
    if op in EXPERIMENTAL_AGGREGATIONS and not cursor.options.experimental_functions:
        flag = "--enable-feature=promql-experimental-functions"
        cursor.fault(span, f"{op}() is experimental and must be enabled with {flag}")
    wanted_param = PARAMETER_AGGREGATIONS.get(op)
    wanted = 1 if wanted_param is None else 2
    if len(arguments) != wanted:
        problem = "wrong number of arguments for aggregate expression provided"
        cursor.fault(span, f"{problem}, expected {wanted}, got {len(arguments)}")
        return None, arguments[-1]
    expr, param = arguments[-1], arguments[0] if wanted_param else None
    if expr.type is not ValueType.VECTOR:
        _mismatch(cursor, expr, ValueType.VECTOR, "aggregation expression")
    if param is not None and wanted_param is not None and param.type is not wanted_param:
        _mismatch(cursor, param, wanted_param, "aggregation parameter")
    return param, expr
