"""Template functions of plugins: called and checked as Go's own are, attributed when they fail."""

from __future__ import annotations

from functools import partial
from typing import Any

from narthex.errors import TemplateError
from narthex.gotemplate.calls import CallError, Function, Functions
from narthex.kinds import TemplateFunction
from narthex.plugins.catalog import Catalog, Contribution
from narthex.plugins.failure import describe

__all__ = ["plugin_functions"]


def plugin_functions(catalog: Catalog) -> Functions:
    """The functions of the catalog's plugins, by name."""
    return {name: _function(one) for name, one in catalog.templates.items()}


def _function(one: Contribution[TemplateFunction]) -> Function:
    kind = one.kind
    return Function(partial(_guarded, one), kind.params, kind.rest or None, summary=kind.summary)


def _guarded(one: Contribution[TemplateFunction], *args: Any) -> Any:
    try:
        return one.kind.call(*args)
    except (CallError, TemplateError):
        raise
    except (Exception, SystemExit) as error:
        raise CallError(f"function {one.kind.name} of plugin {one.origin} failed: {describe(error)}") from error
