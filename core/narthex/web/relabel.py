"""``/api/v1/relabel/explain``: any stage's rules over given labels, with what each rule changes."""

from __future__ import annotations

import orjson
from aiohttp import web

from narthex.explain.relabel import STAGES
from narthex.web.envelope import ApiError, success
from narthex.web.params import BadParameterError
from narthex.web.view import ServerView

__all__ = ["RelabelRoutes", "labels_parameter"]


class RelabelRoutes:
    """The handler; ``view`` is the server."""

    def __init__(self, view: ServerView) -> None:
        self._view = view

    async def explain(self, request: web.Request) -> web.StreamResponse:
        """What the rules of ``stage`` (of ``scrapePool``, except for alerts) make of ``labels``, rule by rule."""
        stage = request.query.get("stage", "") or "target"
        if stage not in STAGES:
            raise BadParameterError("stage", f"expected one of {', '.join(STAGES)}")
        pool = request.query.get("scrapePool", "")
        if not pool and stage != "alert":
            raise ApiError("bad_data", "no scrapePool parameter provided")
        labels = labels_parameter(request.query.get("labels", ""))
        try:
            explanation = self._view.explain_relabeling(stage, pool, labels)
        except KeyError:
            raise ApiError("bad_data", f"unknown scrape pool {pool!r}") from None
        return success(explanation.as_json())


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
