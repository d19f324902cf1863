"""Selectors of series as programs and command lines give them."""

from __future__ import annotations

from collections.abc import Sequence

from narthex.errors import QueryError
from narthex.model.matcher import Matcher
from narthex.promql.ast import VectorSelector
from narthex.promql.parser import parse

__all__ = ["matchers_of"]


def matchers_of(selector: str) -> Sequence[Matcher]:
    """The matchers of a text such as ``up{job="node"}``. Raises ``QueryError`` for anything but a selector."""
    parsed = parse(selector)
    if not isinstance(parsed, VectorSelector):
        raise QueryError(f'{selector!r} is not a selector of series, such as up or {{job="node"}}')
    return parsed.matchers
