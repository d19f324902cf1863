"""PromQL with the functions of plugins: what the parser must know of them. Their code is the engine's business."""

from __future__ import annotations

from dataclasses import replace

from narthex.kinds import PromqlFunction
from narthex.plugins.catalog import Catalog
from narthex.promql.cursor import ParserOptions
from narthex.promql.signatures import FUNCTIONS, Signature
from narthex.promql.valuetype import ValueType

__all__ = ["signature_of", "with_plugins"]

_DEFAULT = ParserOptions()


def with_plugins(catalog: Catalog, options: ParserOptions = _DEFAULT) -> ParserOptions:
    """The same options for a language that has the functions of the catalog's plugins too."""
    if not catalog.promql:
        return options
    own = {name: signature_of(one.kind) for name, one in catalog.promql.items()}
    return replace(options, functions={**own, **FUNCTIONS})


def signature_of(function: PromqlFunction) -> Signature:
    """How a plugin's function is called."""
    args = tuple(ValueType(one) for one in function.args)
    return Signature(function.name, args, ValueType(function.returns), function.variadic)
