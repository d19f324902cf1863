"""A range of samples as a drawing: one line for each series, in SVG, without a script."""

from __future__ import annotations

import html
from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np

from narthex.model.number import format_value
from narthex.promql.value import RangeVector

__all__ = ["MOST_LINES", "chart", "colour"]

MOST_LINES = 30
"""More lines than this nobody can tell apart."""

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 960, 320, 80, 24


def chart(found: RangeVector, start: int, end: int, step: int) -> str:
    """The first ``MOST_LINES`` series between two times, in ms; a line ends where a step is missing."""
    drawn = found.values[: found.offsets[min(found.labels.rows, MOST_LINES)]]
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn):
        return "<p>No samples to draw.</p>"
    low, high = float(drawn.min()), float(drawn.max())
    if low == high:
        low, high = low - abs(low) / 2 - 0.5, high + abs(high) / 2 + 0.5
    scale = _Scale(start, max(end, start + 1), low, high)
    parts = [*_axes(scale)]
    for row in range(min(found.labels.rows, MOST_LINES)):
        part = slice(int(found.offsets[row]), int(found.offsets[row + 1]))
        parts += (
            f'<polyline fill="none" stroke="{colour(row)}" stroke-width="1.5" points="{points}"/>'
            for points in _lines(found.times[part], found.values[part], step, scale)
        )
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" width="100%">{"".join(parts)}</svg>'


def colour(row: int) -> str:
    """The colour of a line: neighbours lie far apart on the circle."""
    return f"hsl({row * 137 % 360} 65% 45%)"


class _Scale:
    """From time and value to a place in the drawing."""

    def __init__(self, start: int, end: int, low: float, high: float) -> None:
        self.start, self.end, self.low, self.high = start, end, low, high

    def x(self, times: np.ndarray) -> np.ndarray:
        """Times (ms) from left to right."""
        return _LEFT + (times - self.start) / (self.end - self.start) * (_WIDTH - _LEFT)

    def y(self, values: np.ndarray) -> np.ndarray:
        """Values from the bottom up; scaled down first, so that the largest floats do not overflow."""
        share = (values / 2 - self.low / 2) / (self.high / 2 - self.low / 2)
        return (_HEIGHT - _BOTTOM) * (1 - share)


def _lines(times: np.ndarray, values: np.ndarray, step: int, scale: _Scale) -> Iterator[str]:
    """The points of each unbroken run of finite samples."""
    shown = np.isfinite(values)
    times, values = times[shown], values[shown]
    breaks = np.flatnonzero(np.diff(times) > step) + 1
    for run in np.split(np.arange(len(times)), breaks):
        pairs = [*zip(scale.x(times[run]).tolist(), scale.y(values[run]).tolist(), strict=True)]
        if len(pairs) == 1:  # a single sample is a short dash
            pairs.append((float(scale.x(times[run][0] + step // 2)), pairs[0][1]))
        yield " ".join(f"{x:.1f},{y:.1f}" for x, y in pairs)


def _axes(scale: _Scale) -> Iterator[str]:
    floor = _HEIGHT - _BOTTOM
    yield f'<path d="M{_LEFT} 0V{floor}H{_WIDTH}" fill="none" stroke="currentColor" stroke-opacity=".4"/>'
    for value, y in ((scale.high, 12), (scale.low / 2 + scale.high / 2, floor // 2 + 4), (scale.low, floor)):
        text = html.escape(format_value(float(f"{value:.4g}")))
        yield f'<text x="{_LEFT - 6}" y="{y}" text-anchor="end" font-size="12" fill="currentColor">{text}</text>'
    for time, anchor in ((scale.start, "start"), ((scale.start + scale.end) // 2, "middle"), (scale.end, "end")):
        x = float(scale.x(np.array(time)))
        moment = datetime.fromtimestamp(time / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
        yield (
            f'<text x="{x:.0f}" y="{_HEIGHT - 6}" text-anchor="{anchor}" font-size="12" fill="currentColor">'
            f"{moment}</text>"
        )
