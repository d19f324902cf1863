"""``/api/v1/why/…``: what the server decided, and for which reasons."""

from __future__ import annotations

import asyncio

from aiohttp import web

from narthex.explain.duplicates import Duplicate, find_duplicates
from narthex.explain.why import Question, why_target
from narthex.web.envelope import ApiError, success
from narthex.web.params import BadParameterError, limit
from narthex.web.view import ServerView

__all__ = ["WhyRoutes"]


class WhyRoutes:
    """The handlers; ``view`` is the server."""

    def __init__(self, view: ServerView) -> None:
        self._view = view

    async def target(self, request: web.Request) -> web.StreamResponse:
        """Why ``target`` is scraped or not, in ``scrapePool`` or in any."""
        try:
            question = Question.parse(request.query.get("target", ""))
        except ValueError as error:
            raise BadParameterError("target", error) from None
        pool = request.query.get("scrapePool", "")
        evidence = [one for one in self._view.job_evidence() if pool in {"", one.config.job_name}]
        if pool and not evidence:
            raise ApiError("bad_data", f"unknown scrape pool {pool!r}")
        view = self._view
        known = (view.discoverers(), view.held_updates(), view.restored_groups())
        # A big fleet is gone through target by target, which must not delay anybody's scrape.
        answer = await asyncio.to_thread(why_target, question, evidence, *known)
        return success(answer.as_json(self._view.clock.now()))

    async def duplicates(self, request: web.Request) -> web.StreamResponse:
        """Targets that a job discovers twice, with both origins."""
        pool, most = request.query.get("scrapePool", ""), limit(request.query) or None
        evidence = [one for one in self._view.job_evidence() if pool in {"", one.config.job_name}]

        def find() -> list[Duplicate]:
            return [found for one in evidence for found in find_duplicates(one.config, one.groups, one.rules, most)]

        found = await asyncio.to_thread(find)
        return success({"duplicates": [one.as_json() for one in found[:most]]})
