"""label_replace and label_join. Text is computed once for each distinct value, not once for each series."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from narthex.config.names import is_label_name
from narthex.errors import QueryError
from narthex.model.labeltable import Column, encode
from narthex.promql.engine.functions.registry import Function, Invocation
from narthex.promql.engine.grouping import number
from narthex.promql.engine.vector import Bools, Vector
from narthex.promql.strings import quote_go
from narthex.regex import Regex
from narthex.relabel.expand import compile_template

__all__ = ["FUNCTIONS"]


def _label_replace(invocation: Invocation) -> Vector:
    vector = invocation.vector(0)
    target, template, source, pattern = (invocation.text(index) for index in range(1, 5))
    try:
        regex = Regex(pattern)
    except ValueError as error:
        raise QueryError(f"invalid regular expression in label_replace(): {pattern}") from error
    if not is_label_name(target):
        raise QueryError(f"invalid destination label name in label_replace(): {_shown(target)}")
    column = vector.labels.columns.get(source, Column(np.zeros(vector.size, dtype=np.int32), [""]))
    used, inverse = np.unique(column.codes, return_inverse=True)
    found = [regex.groups(column.dictionary[code]) for code in used.tolist()]
    matched = np.array([one is not None for one in found], dtype=np.bool_)[inverse.reshape(-1)]
    expand = compile_template(template, regex.group_count, regex.names).expander()
    texts = encode(["" if one is None else expand(one) for one in found])
    fresh = Column(texts.codes[inverse.reshape(-1)], texts.dictionary)
    return _with_label(vector, target, _where(matched, fresh, vector.labels.columns.get(target)), matched)


def _label_join(invocation: Invocation) -> Vector:
    vector = invocation.vector(0)
    target, separator = invocation.text(1), invocation.text(2)
    sources = [invocation.text(index) for index in range(3, invocation.count)]
    for source in sources:
        if not is_label_name(source):
            raise QueryError(f"invalid source label name in label_join(): {_shown(source)}")
    if not is_label_name(target):
        raise QueryError(f"invalid destination label name in label_join(): {_shown(target)}")
    columns = [vector.labels.columns.get(source) for source in sources]
    key, size = np.zeros(vector.size, dtype=np.int64), 1
    for column in columns:
        if column is not None:
            key, first = number(key * len(column.dictionary) + column.codes, size * len(column.dictionary))
            size = max(1, len(first))
    ids, first = number(key, size)
    texts = encode([separator.join(_value(column, row) for column in columns) for row in first.tolist()])
    codes = texts.codes[ids] if len(first) else np.zeros(0, dtype=np.int32)
    return _with_label(vector, target, Column(codes, texts.dictionary), np.ones(vector.size, dtype=np.bool_))


def _value(column: Column | None, row: int) -> str:
    return "" if column is None else column.dictionary[column.codes[row]]


def _where(chosen: Bools, fresh: Column, old: Column | None) -> Column:
    """``fresh`` where chosen, else the old value."""
    if old is None:
        return Column(np.where(chosen, fresh.codes, 0).astype(np.int32), fresh.dictionary)
    shifted = fresh.codes + np.int32(len(old.dictionary))
    codes = np.where(chosen, np.where(fresh.codes == 0, 0, shifted), old.codes).astype(np.int32)
    return _deduplicated(codes, [*old.dictionary, *fresh.dictionary])


def _deduplicated(codes: NDArray[np.int32], dictionary: list[str]) -> Column:
    """One code for each text: two dictionaries put together may hold a text twice."""
    used, inverse = np.unique(codes, return_inverse=True)
    column = encode([dictionary[code] for code in used.tolist()])
    return Column(column.codes[inverse.reshape(-1)], column.dictionary)


def _with_label(vector: Vector, name: str, column: Column, changed: Bools) -> Vector:
    unnamed = vector.unnamed
    if name == "__name__" and unnamed is not None:
        unnamed = unnamed & ~changed  # a new name is there to stay
    return replace(vector, labels=vector.labels.with_column(name, column), unnamed=unnamed).ensure_distinct()


def _shown(text: str) -> str:
    return quote_go(text)[1:-1]


FUNCTIONS = (Function("label_replace", _label_replace), Function("label_join", _label_join))
