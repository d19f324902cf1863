"""The page at ``/graph``: an expression's value as a table or a drawing; where the links in alerts lead.

The parameters are those of Prometheus's own page (``g0.expr``, ``g0.tab``, ``g0.range_input``, ``g0.end_input``), so a
link that an alert carries shows the alert's expression.
"""

from __future__ import annotations

import asyncio
import html
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from narthex import hookimpl
from narthex.kinds import WebRoute
from narthex_plugins.page import document, labels_text, table

if TYPE_CHECKING:
    from aiohttp import web

    from narthex.promql.value import QueryResult, Value
    from narthex.web.view import ServerView

__all__ = ["graph_page", "narthex_web_routes"]

_MOST_ROWS = 500
_STEPS = 240


@hookimpl
def narthex_web_routes() -> Iterable[WebRoute]:
    """The page for queries."""
    return [WebRoute(method="GET", path="/graph", handle=graph_page, summary="The value of an expression as a page.")]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the page was asked for; ``span`` and ``end`` in ms."""

    text: str
    drawn: bool
    span_text: str
    span: int
    end_text: str
    end: int

    @property
    def step(self) -> int:
        return max(self.span // _STEPS, 1000)


async def graph_page(request: web.Request, server: ServerView) -> web.StreamResponse:
    """Render the page; what is wrong with a query is said on it."""
    from aiohttp import web

    from narthex.errors import NarthexError

    fields = request.query
    try:
        asked = _asked(fields, server)
        result = await _evaluated(asked, server) if asked.text else None
        sections = [*_form(fields), *([] if result is None else _answer(asked, result))]
    except (NarthexError, ValueError) as error:
        sections = [*_form(fields), f'<p class="err">{html.escape(str(error))}</p>']
    return web.Response(text=document("Query", sections), content_type="text/html")


def _asked(fields: Mapping[str, str], server: ServerView) -> _Asked:
    from narthex.web.params import parse_duration, parse_time

    span_text, end_text = fields.get("g0.range_input") or "1h", fields.get("g0.end_input", "")
    end = parse_time(end_text) if end_text else round(server.clock.now() * 1000)
    drawn = fields.get("g0.tab", "1") == "0"
    return _Asked(fields.get("g0.expr", ""), drawn, span_text, parse_duration(span_text), end_text, end)


async def _evaluated(asked: _Asked, server: ServerView) -> QueryResult:
    from narthex.promql.engine import Limits

    seconds, most = server.query_limits.timeout, server.query_limits.max_samples
    limits = Limits(deadline=server.clock.monotonic() + seconds, max_samples=most)

    def evaluate() -> QueryResult:
        if asked.drawn:
            return server.engine.range(asked.text, asked.end - asked.span, asked.end, asked.step, limits=limits)
        return server.engine.instant(asked.text, asked.end, limits=limits)

    return await asyncio.get_running_loop().run_in_executor(server.query_executor, evaluate)


def _form(fields: Mapping[str, str]) -> Iterator[str]:
    text, span, end = (html.escape(fields.get(name, "")) for name in ("g0.expr", "g0.range_input", "g0.end_input"))
    drawn = fields.get("g0.tab", "1") == "0"
    yield (
        '<p><a href="./">Status</a></p><form>'
        f'<textarea name="g0.expr" rows="3" cols="100" placeholder="Expression">{text}</textarea><br>'
        f'<select name="g0.tab"><option value="1">Table</option><option value="0"{" selected" * drawn}>Graph</option>'
        f'</select> over <input name="g0.range_input" size="6" value="{span or "1h"}">'
        f' until <input name="g0.end_input" size="24" placeholder="now" value="{end}"> <button>Execute</button></form>'
    )


def _answer(asked: _Asked, result: QueryResult) -> Iterator[str]:
    for remark in (*result.warnings, *result.infos):
        yield f'<p class="pending">{html.escape(remark)}</p>'
    if asked.drawn:
        yield from _drawing(asked, result.value)
    else:
        rows = list(_rows(result.value))
        yield table(("Series", "Value"), rows[:_MOST_ROWS])
        if len(rows) > _MOST_ROWS:
            yield f"<p>{len(rows) - _MOST_ROWS} more series are not shown.</p>"
    stats = result.stats
    seconds = stats.prepared + stats.evaluated + stats.sorted
    yield f"<p>{seconds * 1000:.1f} ms, {stats.samples} samples read.</p>"


def _drawing(asked: _Asked, value: Value) -> Iterator[str]:
    from narthex.promql.value import RangeVector
    from narthex_plugins.chart import MOST_LINES, chart, colour

    assert isinstance(value, RangeVector)  # a range query has no other
    yield chart(value, asked.end - asked.span, asked.end, asked.step)
    labels = value.labels.all_labels()
    for row, one in enumerate(labels[:MOST_LINES]):
        yield f'<div><span style="color: {colour(row)}">■</span> {labels_text(one)}</div>'
    if len(labels) > MOST_LINES:
        yield f"<p>{len(labels) - MOST_LINES} more series are not drawn.</p>"


def _rows(value: Value) -> Iterator[tuple[str, str]]:
    from narthex.model.number import format_value
    from narthex.promql.value import InstantVector, RangeVector, Scalar

    if isinstance(value, InstantVector):
        natives = [None] * value.labels.rows if value.histograms is None else value.histograms.tolist()
        for labels, number, native in zip(value.labels.all_labels(), value.values.tolist(), natives, strict=True):
            yield labels_text(labels), html.escape(format_value(number) if native is None else str(native))
    elif isinstance(value, RangeVector):
        for row, labels in enumerate(value.labels.all_labels()):
            part = slice(int(value.offsets[row]), int(value.offsets[row + 1]))
            samples = zip(value.values[part].tolist(), value.times[part].tolist(), strict=True)
            yield labels_text(labels), "<br>".join(f"{format_value(one)} @{time / 1000:.3f}" for one, time in samples)
    else:
        yield "", html.escape(format_value(value.value) if isinstance(value, Scalar) else value.value)
