"""``/api/v1/relabel/explain`` and ``/api/v1/targets/relabel_steps``: any stage's rules over given labels."""

from __future__ import annotations

import orjson
from aiohttp import web

from narthex.errors import ConfigError
from narthex.explain.relabel import STAGES, Explanation, steps_json
from narthex.web.envelope import ApiError, success
from narthex.web.params import BadParameterError
from narthex.web.view import ServerView

__all__ = ["RelabelRoutes", "labels_parameter"]


class RelabelRoutes:
    """The handlers; ``view`` is the server."""

    def __init__(self, view: ServerView) -> None:
        self._view = view

    async def explain(self, request: web.Request) -> web.StreamResponse:
        """What the rules of ``stage`` (of ``scrapePool`` for targets and metrics) make of ``labels``, rule by rule."""
        return success(self._explained(request).as_json())

    async def steps(self, request: web.Request) -> web.StreamResponse:
        """Likewise in the shape of Prometheus's API, which knows target rules only and adds no defaults for them."""
        if (request.query.get("stage", "") or "target") != "target":
            return success({"steps": steps_json(self._explained(request))})
        pool = _pool(request)
        labels = labels_parameter(request.query.get("labels", ""))
        try:
            steps = self._view.relabel_steps(pool, labels)
        except KeyError:
            raise ApiError("bad_data", f"unknown scrape pool {pool!r}") from None
        return success({"steps": list(steps)})

    def _explained(self, request: web.Request) -> Explanation:
        stage = request.query.get("stage", "") or "target"
        if stage not in STAGES:
            raise BadParameterError("stage", f"expected one of {', '.join(STAGES)}")
        pool = _pool(request) if stage in {"target", "metric"} else ""
        labels = labels_parameter(request.query.get("labels", ""))
        rules = request.query.get("rules", "")
        if bool(rules) != (stage == "write"):
            reason = "needed for stage write, for no such rules are in force" if not rules else "for stage write only"
            raise BadParameterError("rules", reason)
        try:
            return self._view.explain_relabeling(stage, pool, labels, rules)
        except KeyError:
            raise ApiError("bad_data", f"unknown scrape pool {pool!r}") from None
        except ConfigError as error:
            raise BadParameterError("rules", error) from None


def _pool(request: web.Request) -> str:
    pool = request.query.get("scrapePool", "")
    if not pool:
        raise ApiError("bad_data", "no scrapePool parameter provided")
    return pool


def labels_parameter(text: str) -> dict[str, str]:
    """The parameter ``labels``: a JSON object of texts. Raises ``ApiError`` or ``BadParameterError``."""
    if not text:
        raise ApiError("bad_data", "no labels parameter provided")
    try:
        labels = orjson.loads(text)
    except ValueError as error:
        raise BadParameterError("labels", error) from None
    if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
        raise BadParameterError("labels", "expected a JSON object of texts")
    return labels
