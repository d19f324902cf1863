"""Prometheus's own parser tests: validity, tree, and errors with their positions and wording."""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np
import pytest
from tests.conformance.cases import params

from narthex.config.names import is_label_name
from narthex.errors import ParseError, QueryError
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher
from narthex.promql import ast
from narthex.promql.engine import Engine
from narthex.promql.parser import ALL_OPTIONS, ParserOptions, parse
from narthex.promql.pretty import prettify
from narthex.promql.printer import to_text
from narthex.storage.protocol import Batch
from narthex.testing.storage import MemoryStorage

OPTIONS = ParserOptions(experimental_functions=True, duration_expressions=True, extended_range_selectors=True)


def text_of(value: Any) -> str:
    if isinstance(value, dict):
        return base64.b64decode(value["$bytes_b64"]).decode("utf-8", "surrogateescape")
    return value


def spelled(value: float) -> Any:
    return "NaN" if math.isnan(value) else {float("inf"): "+Inf", float("-inf"): "-Inf"}.get(value, value)


def tree(node: Any) -> dict[str, Any]:
    """An expression in the suite's notation, without what is zero."""
    found = {"node": type(node).__name__, **FIELDS[type(node)](node)}
    return {name: value for name, value in found.items() if value not in (None, False, 0, "", ()) or name in KEPT}


KEPT = {"val", "args"}


def duration(node: ast.DurationExpr) -> dict[str, Any]:
    return {
        "op": node.op,
        "lhs": node.lhs and tree(node.lhs),
        "rhs": node.rhs and tree(node.rhs),
        "wrapped": node.wrapped,
    }


def times(node: Any) -> dict[str, Any]:
    return {
        "original_offset_seconds": node.offset / 1000,
        "original_offset_expr": node.offset_expr and tree(node.offset_expr),
        "at_timestamp_ms": node.at.timestamp if node.at and node.at.kind == "timestamp" else None,
        "start_or_end": f"{node.at.kind}()" if node.at and node.at.kind != "timestamp" else None,
    }


def matcher(one: Matcher) -> dict[str, str]:
    return {"type": one.op.value, "name": one.name, "value": one.value}


def string(value: str) -> Any:
    try:
        value.encode()
    except UnicodeEncodeError:
        return {"$bytes_b64": base64.b64encode(value.encode("utf-8", "surrogateescape")).decode()}
    return value


def call(node: ast.Call) -> dict[str, Any]:
    arguments = [tree(one) for one in node.args]
    if node.func == "info" and len(arguments) > 1:
        arguments[1]["bypass_empty_matcher_check"] = True
    return {"func": node.func, "args": arguments, "pos_range": list(node.pos)}


def matching(node: ast.VectorMatching) -> dict[str, Any]:
    return {
        "card": node.card,
        "matching_labels": list(node.labels) or None,
        "on": node.on,
        "include": list(node.include) or None,
    }


FIELDS: dict[type, Any] = {
    ast.NumberLiteral: lambda n: {"val": spelled(n.value), "duration": n.duration, "pos_range": list(n.pos)},
    ast.StringLiteral: lambda n: {"val": string(n.value), "pos_range": list(n.pos)},
    ast.DurationExpr: duration,
    ast.VectorSelector: lambda n: {
        "name": n.name,
        "label_matchers": [matcher(one) for one in n.matchers],
        "anchored": n.anchored,
        "smoothed": n.smoothed,
        "pos_range": list(n.pos),
        **times(n),
    },
    ast.MatrixSelector: lambda n: {
        "vector_selector": tree(n.selector),
        "range_seconds": n.range / 1000,
        "range_expr": n.range_expr and tree(n.range_expr),
        "end_pos": n.pos.end,
    },
    ast.SubqueryExpr: lambda n: {
        "expr": tree(n.expr),
        "range_seconds": n.range / 1000,
        "range_expr": n.range_expr and tree(n.range_expr),
        "step_seconds": n.step / 1000,
        "step_expr": n.step_expr and tree(n.step_expr),
        "end_pos": n.pos.end,
        **times(n),
    },
    ast.ParenExpr: lambda n: {"expr": tree(n.expr), "pos_range": list(n.pos)},
    ast.UnaryExpr: lambda n: {"op": n.op, "expr": tree(n.expr), "start_pos": n.pos.start},
    ast.VectorMatching: matching,
    ast.BinaryExpr: lambda n: {
        "op": n.op,
        "lhs": tree(n.lhs),
        "rhs": tree(n.rhs),
        "return_bool": n.return_bool,
        "vector_matching": n.matching and tree(n.matching),
    },
    ast.AggregateExpr: lambda n: {
        "op": n.op,
        "expr": tree(n.expr),
        "param": n.param and tree(n.param),
        "grouping": list(n.grouping) or None,
        "without": n.without,
        "pos_range": list(n.pos),
    },
    ast.Call: call,
}


def wanted(value: Any) -> Any:
    """The suite's tree without zero fields, and without the positions of duration expressions, which it leaves free."""
    if isinstance(value, list):
        return [wanted(one) for one in value]
    if not isinstance(value, dict) or "node" not in value:
        return value
    free = {"start_pos", "end_pos"} if value["node"] == "DurationExpr" else set()
    kept = {name: wanted(one) for name, one in value.items() if name not in free}
    return {name: one for name, one in kept.items() if one not in (None, False, 0, "", []) or name in KEPT}


@pytest.mark.parametrize("case", params("promqlparse/parse.json", valid=True))
def test_a_valid_expression_has_the_expected_tree(case: dict[str, Any]) -> None:
    assert tree(parse(text_of(case["input"]), options=OPTIONS)) == wanted(case["ast"])


@pytest.mark.parametrize("case", params("promqlparse/parse.json", valid=False))
def test_an_invalid_expression_is_refused_with_position_and_reason(case: dict[str, Any]) -> None:
    with pytest.raises(ParseError) as caught:
        parse(text_of(case["input"]), options=OPTIONS)
    errors = [{"position": [start, end], "message": message} for start, end, message in caught.value.errors]
    # the suite lists the first errors only where one repeats a thousand times
    assert errors[: len(case["errors"])] == case["errors"]
    assert len(errors) == len(case["errors"]) or len(case["errors"]) > 2


@pytest.mark.parametrize("case", params("promqlparse/print.json"))
def test_an_expression_prints_in_canonical_form(case: dict[str, Any]) -> None:
    assert to_text(parse(case["input"], options=ALL_OPTIONS)) == case["output"]


@pytest.mark.parametrize("case", params("promqlparse/pretty.json"))
def test_an_expression_is_laid_out_over_lines(case: dict[str, Any]) -> None:
    expr = parse(case["input"], options=ALL_OPTIONS)
    assert prettify(expr, width=case["max_characters_per_line"]) == case["output"]


@pytest.mark.parametrize("case", params("compliance/promql/expanded_queries.json", should_fail=False))
def test_a_compliance_query_parses(case: dict[str, Any]) -> None:
    text = to_text(parse(case["query"]))
    assert to_text(parse(text)) == text


@pytest.mark.parametrize("case", params("compliance/promql/expanded_queries.json", should_fail=True))
def test_a_compliance_query_that_must_fail_fails(case: dict[str, Any]) -> None:
    storage = MemoryStorage()
    lane = storage.open_lane(1000, 0)
    names = [Labels({"__name__": "demo_num_cpus", "instance": f"host{number}"}) for number in range(2)]
    lane.extend(storage.register(names))
    storage.append(Batch(lane, 1000, np.array([1.0, 2.0])))
    engine = Engine(storage)
    if gives_a_label_a_utf8_name(case["query"]):  # refused by Prometheus 2, for which the suite was written
        assert engine.instant(case["query"], 1000)
        return
    with pytest.raises(QueryError):
        engine.instant(case["query"], 1000)


def gives_a_label_a_utf8_name(query: str) -> bool:
    try:
        calls = [node for node in ast.walk(parse(query)) if isinstance(node, ast.Call)]
    except ParseError:
        return False
    names = [one.args[1].value for one in calls if one.func in {"label_replace", "label_join"}]
    return any(name and not is_label_name(name, legacy=True) for name in names)
