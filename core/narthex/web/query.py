"""``/api/v1/query`` and ``/api/v1/query_range``, and the endpoints that only parse.

Evaluation runs in worker threads, at most ``--query.max-concurrency`` at once; the wait for a thread counts against the
timeout. When the client goes away the handler is cancelled, and the engine is told at its next check.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from aiohttp import web
from multidict import MultiMapping

from narthex.errors import ParseError, QueryTimeoutError
from narthex.model.number import format_value
from narthex.promql.ast import Expr, VectorSelector, walk
from narthex.promql.engine import Limits
from narthex.promql.engine.query import Steps
from narthex.promql.pretty import prettify
from narthex.promql.printer import to_text
from narthex.promql.value import InstantVector, QueryResult, RangeVector
from narthex.web.encode import encode_value
from narthex.web.envelope import ApiError, json_bytes, success, success_bytes
from narthex.web.params import TRUNCATED, BadParameterError, form, limit, parse_duration, time_or, window
from narthex.web.querystats import plan_tree, with_stats
from narthex.web.syntax import tree
from narthex.web.view import ServerView

__all__ = ["QueryRoutes"]

MAX_POINTS = 11_000


class QueryRoutes:
    """The handlers; ``view`` is the server."""

    def __init__(self, view: ServerView) -> None:
        self._view = view

    async def instant(self, request: web.Request) -> web.StreamResponse:
        """Evaluate at one time."""
        fields = await form(request)
        return await self._value(fields, self._moment(fields))

    async def range(self, request: web.Request) -> web.StreamResponse:
        """Evaluate at every step of a range."""
        fields = await form(request)
        return await self._value(fields, _range(fields))

    async def explain(self, request: web.Request) -> web.StreamResponse:
        """Evaluate, at one time or over a range, and tell what each node gave and took instead of the value."""
        fields = await form(request)
        steps = _range(fields) if "start" in fields else self._moment(fields)
        text = _expression(fields)

        def evaluate(limits: Limits) -> tuple[QueryResult, bytes]:
            result, root = self._view.engine.explain(text, steps, limits=limits)
            stats = result.stats
            plan = {"samples": stats.samples, "peakSamples": stats.peak, "steps": steps.count, "plan": plan_tree(root)}
            return result, json_bytes(plan)

        return await self._answer(fields, evaluate)

    def _moment(self, fields: MultiMapping[str]) -> Steps:
        time = time_or(fields, "time", round(self._view.clock.now() * 1000))
        return Steps.every(time, time, 0)

    async def _value(self, fields: MultiMapping[str], steps: Steps) -> web.StreamResponse:
        count, lookback, text = limit(fields), _lookback(fields), _expression(fields)
        wanted, engine = fields.get("stats", ""), self._view.engine
        asked = self._view.clock.monotonic()

        def evaluate(limits: Limits) -> tuple[QueryResult, bytes]:
            queued = self._view.clock.monotonic() - asked
            result = _cut(engine.evaluate(text, steps, limits=limits, lookback=lookback), count)
            data = encode_value(result.value)
            if wanted:
                data = with_stats(data, result.stats, steps, queued, by_step=wanted == "all")
            return result, data

        try:
            return await self._answer(fields, evaluate, here=engine.is_small(text, steps))
        except ParseError as error:
            raise BadParameterError("query", error) from None

    async def format(self, request: web.Request) -> web.StreamResponse:
        """Print an expression in canonical form, over several lines where it is long."""
        expression = self._parsed(await form(request))
        for layout in (prettify, to_text):  # what is too deep for many lines, such as a sum of 2,000 terms, gets one
            try:
                return success(layout(expression))
            except RecursionError:
                continue
        raise ApiError("execution", "the expression is nested too deeply to be printed")

    async def parse(self, request: web.Request) -> web.StreamResponse:
        """The expression's syntax tree."""
        expression = self._parsed(await form(request))
        try:
            return success(tree(expression))
        except (RecursionError, TypeError):  # orjson gives up at some 250 levels
            raise ApiError("execution", "the expression is nested too deeply to be shown as a tree") from None

    async def exemplars(self, request: web.Request) -> web.StreamResponse:
        """Exemplars of the series that an expression selects; none without the feature ``exemplar-storage``."""
        fields = await form(request)
        start, end = window(fields)
        if end < start:
            raise ApiError("bad_data", "end timestamp must not be before start timestamp")
        expression = self._view.engine.parse(_expression(fields))
        selectors = [one.matchers for one in walk(expression) if isinstance(one, VectorSelector)]
        return success(
            [
                {
                    "seriesLabels": series.to_dict(),
                    "exemplars": [
                        {"labels": one.labels.to_dict(), "value": format_value(one.value), "timestamp": one.time / 1000}
                        for one in found
                    ],
                }
                for series, found in self._view.exemplars.select(selectors, start, end)
            ]
        )

    def _parsed(self, fields: MultiMapping[str]) -> Expr:
        try:
            return self._view.engine.parse(_expression(fields))
        except ParseError as error:
            raise BadParameterError("query", error) from None

    async def _answer(
        self, fields: MultiMapping[str], evaluate: Callable[[Limits], tuple[QueryResult, bytes]], *, here: bool = False
    ) -> web.StreamResponse:
        """Evaluate in a worker thread, or ``here``: a small query is answered before a thread would have woken up."""
        seconds = self._view.query_limits.timeout
        if text := fields.get("timeout", ""):
            try:
                seconds = min(seconds, parse_duration(text) / 1000)
            except ValueError as error:
                raise BadParameterError("timeout", error) from None
        limits = Limits(self._view.clock.monotonic() + seconds, max_samples=self._view.query_limits.max_samples)
        if here:
            result, data = evaluate(limits)
            return success_bytes(data, warnings=result.warnings, infos=result.infos)
        gone = threading.Event()
        limits = replace(limits, cancelled=gone.is_set)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds):
                result, data = await loop.run_in_executor(self._view.query_executor, evaluate, limits)
        except TimeoutError:
            raise QueryTimeoutError("query timed out in expression evaluation") from None
        finally:
            gone.set()
        return success_bytes(data, warnings=result.warnings, infos=result.infos)


def _range(fields: MultiMapping[str]) -> Steps:
    start, end = time_or(fields, "start", None), time_or(fields, "end", None)
    if end < start:
        raise BadParameterError("end", "end timestamp must not be before start time")
    step = _step(fields)
    if (end - start) // step > MAX_POINTS:
        raise ApiError(
            "bad_data",
            f"exceeded maximum resolution of {MAX_POINTS:,} points per timeseries. "
            "Try decreasing the query resolution (?step=XX)",
        )
    return Steps.every(start, end, step)


def _expression(fields: MultiMapping[str]) -> str:
    return fields.get("query", "")


def _step(fields: MultiMapping[str]) -> int:
    try:
        step = parse_duration(fields.get("step", ""))
    except ValueError as error:
        raise BadParameterError("step", error) from None
    if step <= 0:
        raise BadParameterError(
            "step", "zero or negative query resolution step widths are not accepted. Try a positive integer"
        )
    return step


def _lookback(fields: MultiMapping[str]) -> int | None:
    text = fields.get("lookback_delta", "")
    if not text:
        return None
    try:
        delta = parse_duration(text)
    except ValueError as error:
        raise BadParameterError("lookback_delta", f"error parsing lookback delta duration: {error}") from None
    return delta if delta > 0 else None


def _cut(result: QueryResult, count: int) -> QueryResult:
    """At most ``count`` series (0: all), with a warning when some are left out."""
    value = result.value
    if not count or not isinstance(value, InstantVector | RangeVector) or value.labels.rows <= count:
        return result
    labels = value.labels.take(np.arange(count))
    end = count if isinstance(value, InstantVector) else int(value.offsets[count])
    histograms = None if value.histograms is None else value.histograms[:end]
    value = replace(value, labels=labels, values=value.values[:end], histograms=histograms)
    if isinstance(value, RangeVector):
        value = replace(value, offsets=value.offsets[: count + 1], times=value.times[:end])
    return replace(result, value=value, warnings=(*result.warnings, TRUNCATED))
