"""Functions of plugins beside those of the language: evaluated through the same interface, attributed when they fail.

A result is checked once for each call, by type and shape: a wrong one would otherwise fail far from its cause, or not
at all.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from narthex.errors import NarthexError, QueryError
from narthex.kinds import PromqlFunction
from narthex.plugins.catalog import Catalog, Contribution
from narthex.plugins.failure import describe
from narthex.promql.engine.functions import STANDARD
from narthex.promql.engine.functions.registry import Function, Invocation, of_values, of_window
from narthex.promql.engine.vector import Bools, Floats, Vector
from narthex.promql.engine.window import Window

__all__ = ["function_of", "standard_and"]

log = logging.getLogger(__name__)


def standard_and(catalog: Catalog) -> Mapping[str, Function]:
    """The functions of the language and those of the catalog's plugins, by name."""
    own = {name: function_of(one) for name, one in catalog.promql.items()}
    return MappingProxyType({**own, **STANDARD})


def function_of(contribution: Contribution[PromqlFunction]) -> Function:
    """A plugin's function as the engine calls it. What it raises becomes a ``QueryError`` that names the plugin."""
    kind = contribution.kind
    if kind.over == "values":
        return of_values(kind.name, partial(_values, contribution))
    if kind.over == "windows":
        return of_window(kind.name, partial(_windows, contribution), window=kind.args.index("matrix"))
    return Function(kind.name, partial(_call, contribution))


def _values(one: Contribution[PromqlFunction], values: Floats, *scalars: Floats) -> Floats:
    return _array(one, _guarded(one, *map(_locked, (values, *scalars))), values.shape)


def _windows(one: Contribution[PromqlFunction], window: Window, *scalars: Floats) -> tuple[Floats, Bools | None]:
    result = _guarded(one, window, *scalars)
    if not isinstance(result, tuple) or len(result) != 2:
        raise _wrong(one, f"returned {_kind_of(result)}, expected values and where they are")
    values, present = result
    if present is not None and (not isinstance(present, np.ndarray) or present.dtype != np.bool_):
        raise _wrong(one, f"returned {_kind_of(present)} for where values are, expected None or a bool array")
    if present is not None and present.shape != window.shape:
        raise _wrong(one, f"returned an array of shape {present.shape} for where values are, expected {window.shape}")
    return _array(one, values, window.shape), present


def _call(one: Contribution[PromqlFunction], invocation: Invocation) -> Vector | Floats:
    result = _guarded(one, invocation)
    steps = invocation.steps.count
    if one.kind.returns == "scalar":
        return _array(one, result, (steps,))
    if not isinstance(result, Vector):
        raise _wrong(one, f"returned {_kind_of(result)}, expected a Vector")
    if result.values.shape != (steps, result.labels.rows):
        expected = (steps, result.labels.rows)
        raise _wrong(one, f"returned a Vector of shape {result.values.shape}, expected {expected}")
    return result


def _locked(array: Floats) -> Floats:
    """The same array, not to be written to: it may be the storage's own."""
    view = array.view()
    view.flags.writeable = False
    return view


def _array(one: Contribution[PromqlFunction], result: object, shape: tuple[int, ...]) -> Floats:
    if not isinstance(result, np.ndarray) or result.dtype != np.float64:
        raise _wrong(one, f"returned {_kind_of(result)}, expected an array of float64")
    if result.shape != shape:
        raise _wrong(one, f"returned an array of shape {result.shape}, expected {shape}")
    return result


def _guarded(one: Contribution[PromqlFunction], *args: Any) -> Any:
    compute: Callable[..., Any] = one.kind.compute
    try:
        return compute(*args)
    except NarthexError:
        raise
    except (Exception, SystemExit) as error:
        # A query is asked again and again: its caller is told each time, the traceback is for who looks for it.
        log.debug("PromQL function %s of plugin %s failed", one.kind.name, one.origin, exc_info=True)
        raise _wrong(one, f"failed: {describe(error)}") from error


def _wrong(one: Contribution[PromqlFunction], what: str) -> QueryError:
    return QueryError(f"function {one.kind.name} of plugin {one.origin} {what}")


def _kind_of(result: object) -> str:
    return f"an array of {result.dtype}" if isinstance(result, np.ndarray) else f"a {type(result).__name__}"
