"""``--enable-feature``: parts of the language that Prometheus keeps behind a flag, under the same names.

A name that is not known gives a warning rather than an error, as in Prometheus: one command line must start several
versions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from narthex.promql.parser import ParserOptions

__all__ = ["Features", "read_features"]

_PARSER = {
    "promql-experimental-functions": "experimental_functions",
    "promql-extended-range-selectors": "extended_range_selectors",
    "promql-binop-fill-modifiers": "fill_modifiers",
}
_ALWAYS_ON = frozenset({"promql-duration-expr", "promql-at-modifier", "promql-negative-offset"})


@dataclass(frozen=True, slots=True)
class Features:
    """What the features amount to; ``unknown`` are names for a warning."""

    parser: ParserOptions
    delayed_name_removal: bool
    unknown: tuple[str, ...]


def read_features(values: Iterable[str]) -> Features:
    """Read the flag's values, each a name or several separated by commas."""
    names = {name.strip() for value in values for name in value.split(",") if name.strip()}
    known = {*_PARSER, *_ALWAYS_ON, "promql-delayed-name-removal"}
    on: dict[str, Any] = {option: name in names for name, option in _PARSER.items()}
    return Features(
        ParserOptions(**on),
        "promql-delayed-name-removal" in names,
        tuple(sorted(names - known)),
    )
