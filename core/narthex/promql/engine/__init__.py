"""The vectorised PromQL engine; docs/explanation/engine.md tells how a query becomes a few array operations."""

from __future__ import annotations

from narthex.promql.engine.engine import Engine
from narthex.promql.engine.query import Limits, Semantics

__all__ = ["Engine", "Limits", "Semantics"]
