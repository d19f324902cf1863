"""A rule's expression: parsed once when the rule is loaded, evaluated many times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from narthex.promql.printer import to_text
from narthex.promql.value import QueryResult

if TYPE_CHECKING:
    from narthex.promql.ast import Expr

__all__ = ["Expression", "Parse", "Query"]

Parse = Callable[[str], "Expr"]
"""Reads an expression; raises ``ParseError``. The engine's own parser, so that both know the same language."""

Query = Callable[["Expr | str", int], QueryResult]
"""Evaluates an expression at a time (ms) in whatever thread it is called from; raises ``QueryError``."""


@dataclass(frozen=True, slots=True)
class Expression:
    """``text`` is the canonical form, which the API and links show; ``tree`` is what is evaluated."""

    text: str
    tree: Expr = field(compare=False)

    @classmethod
    def read(cls, text: str, parse: Parse) -> Expression:
        """Raises ``ParseError``."""
        tree = parse(text)
        return cls(to_text(tree), tree)
