"""The page for queries: tables, drawings, errors, and hostile text."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from tests.core.web.fakeview import FakeView

from narthex.model.labels import Labels
from narthex.model.labeltable import LabelTable
from narthex.promql.value import RangeVector
from narthex.storage.protocol import Batch
from narthex_plugins.chart import MOST_LINES, chart
from narthex_plugins.graph_page import graph_page

EVIL = '<script>alert("x")</script>'


@pytest.fixture
def view() -> FakeView:
    view = FakeView()
    lane = view.storage.open_lane(10_000, 0)
    lane.extend(view.storage.register([Labels({"__name__": "up", "job": EVIL}), Labels({"__name__": "x"})]))
    for step in range(7):
        view.storage.append(Batch(lane, step * 10_000, np.array([1.0, float(step)])))
    return view


async def page(view: FakeView, **fields: Any) -> str:
    query = urlencode({f"g0.{name}": value for name, value in fields.items()})
    answer = await graph_page(make_mocked_request("GET", f"/graph?{query}"), view)
    assert isinstance(answer, web.Response)
    assert (answer.status, answer.content_type) == (200, "text/html")
    return answer.text or ""


async def test_without_an_expression_there_is_a_form(view: FakeView) -> None:
    text = await page(view)
    assert 'name="g0.expr"' in text
    assert "samples read" not in text


async def test_a_value_is_a_table_of_series(view: FakeView) -> None:
    text = await page(view, expr="x * 2", end_input="60")
    assert "<td>12</td>" in text
    assert "1 samples read" in text


@pytest.mark.parametrize(
    ("expr", "shown"),
    [("x[20s]", "5 @50.000<br>6 @60.000"), ("1 + 1", "<td>2</td>"), ('"text"', "<td>text</td>"), ("none", "None.")],
)
async def test_every_type_has_its_form(view: FakeView, expr: str, shown: str) -> None:
    assert shown in await page(view, expr=expr, end_input="60")


async def test_a_range_is_drawn(view: FakeView) -> None:
    text = await page(view, expr="x", tab="0", range_input="1m", end_input="60")
    svg = ET.fromstring(text[text.index("<svg") : text.index("</svg>") + 6])
    (line,) = svg.findall("polyline")
    heights = [float(pair.split(",")[1]) for pair in line.attrib["points"].split()]
    assert heights == sorted(heights, reverse=True)  # up is up
    assert heights[0] > heights[-1]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"expr": "sum("}, "parse error"),
        ({"expr": "up", "range_input": "soon"}, "duration"),
        ({"expr": "up", "end_input": "never"}, "timestamp"),
    ],
)
async def test_what_is_wrong_is_said_on_the_page(view: FakeView, fields: dict[str, str], reason: str) -> None:
    text = await page(view, **fields)
    assert '<p class="err">' in text
    assert reason in text


async def test_no_text_becomes_markup(view: FakeView) -> None:
    for tab in ("0", "1"):
        text = await page(view, expr=f'up{{job!="{EVIL[:8]}"}}', tab=tab, end_input="60")
        assert "<script" not in text
        assert "&lt;script&gt;" in text


def test_lines_break_where_a_step_is_missing_and_many_series_are_cut() -> None:
    rows = MOST_LINES + 1
    labels = LabelTable.of([Labels({"i": str(i)}) for i in range(rows)])
    times = np.tile(np.array([0, 1000, 3000]), rows)
    found = RangeVector(labels, np.arange(rows + 1) * 3, times, np.ones(rows * 3))
    svg = ET.fromstring(chart(found, 0, 3000, 1000))
    assert len(svg.findall("polyline")) == 2 * MOST_LINES


@pytest.mark.parametrize("values", [[0.0, 0.0], [-1.7e308, 1.7e308], [1.0, np.inf], [np.nan, 2.0]])
def test_any_values_can_be_drawn(values: list[float]) -> None:
    found = RangeVector(LabelTable(1, {}), np.array([0, 2]), np.array([0, 1000]), np.array(values))
    svg = ET.fromstring(chart(found, 0, 1000, 1000))
    for line in svg.findall("polyline"):
        assert all(0 <= float(pair.split(",")[1]) <= 320 for pair in line.attrib["points"].split())


def test_nothing_to_draw_is_said() -> None:
    nothing = RangeVector(LabelTable(0, {}), np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0))
    assert "No samples" in chart(nothing, 0, 1000, 1000)
