"""A data directory, opened for reading: queries, series and labels as in the HTTP API, answers as arrays."""

from __future__ import annotations

import os
import time as clock
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from narthex.errors import StorageError
from narthex.library.answer import Answer
from narthex.library.moments import Moment, Span, milliseconds, step_milliseconds
from narthex.library.selectors import matchers_of
from narthex.model.labels import Labels
from narthex.plugins.composition import composition
from narthex.plugins.host import PluginHost
from narthex.plugins.sources import allow_list
from narthex.promql.engine import Engine
from narthex.storage.flat import flat
from narthex.storage.frames import Selection
from narthex.storage.protocol import StorageStats, StoredData

__all__ = ["Database", "open_database"]

_EARLIEST, _LATEST = -(1 << 60), 1 << 60


def open_database(
    path: str | PathLike[str], *, storage: str = "tsdb", plugins: Mapping[str, object] | None = None
) -> Database:
    """See :func:`narthex.open`."""
    if plugins is None:
        host = PluginHost(composition(), allow=allow_list(os.environ.get("NARTHEX_PLUGINS")))
    else:
        host = PluginHost(plugins, scan=False)
    kinds = host.catalog().storage
    found = kinds.get(storage)
    if found is None:
        raise StorageError(f"storage kind {storage!r} is not installed; there are: {', '.join(kinds) or 'none'}")
    if found.kind.read is None:
        raise StorageError(f"storage kind {storage!r} of plugin {found.origin} cannot be opened for reading")
    return Database(found.kind.read(Path(path)))


class Database:
    """Stored samples. May be used by several threads at once, and as a context manager.

    Times are seconds since the epoch, RFC 3339 text or datetimes; steps are seconds, durations such as ``"1m"`` or
    timedeltas. Errors are ``QueryError`` and its kinds, ``StorageError`` for damaged data, ``ValueError`` for times.
    """

    def __init__(self, data: StoredData, *, max_samples: int = 50_000_000) -> None:
        """``max_samples`` bounds what one query may hold in memory at a time."""
        self._data = data
        self._engine = Engine(data, max_samples=max_samples)
        self._newest_time: int | None = None

    def query(self, expression: str, time: Moment | None = None) -> Answer:
        """Evaluate at one moment; without one, at the newest sample."""
        at = self._newest() if time is None else milliseconds(time)
        return Answer.of(self._engine.instant(expression, at))

    def query_range(self, expression: str, start: Moment, end: Moment, step: Span) -> Answer:
        """Evaluate at ``start``, ``start + step``, … up to ``end``."""
        return Answer.of(
            self._engine.range(expression, milliseconds(start), milliseconds(end), step_milliseconds(step))
        )

    def samples(self, selector: str, start: Moment | None = None, end: Moment | None = None) -> Answer:
        """The stored samples of the series that a selector names, as they are, both ends of the window included.

        Markers that a series ended are among them, as NaN (:data:`narthex.model.sample.STALE_NAN`).
        """
        low, high = _window(start, end)
        selection = self._data.select(matchers_of(selector), low, high)
        return _raw(selection, low, high)

    def series(self, *selectors: str, start: Moment | None = None, end: Moment | None = None) -> list[Labels]:
        """The label sets, sorted, of series in the window that any selector names; without selectors, of all."""
        low, high = _window(start, end)
        return self._data.series([matchers_of(one) for one in selectors] or [[]], low, high)

    def labels(
        self, name: str | None = None, *selectors: str, start: Moment | None = None, end: Moment | None = None
    ) -> list[str]:
        """The label names, sorted, of series in the window; or with ``name`` the values of that label."""
        low, high = _window(start, end)
        matchers = [matchers_of(one) for one in selectors]
        if name is None:
            return self._data.label_names(matchers, low, high)
        return self._data.label_values(name, matchers, low, high)

    def stats(self, limit: int = 10) -> StorageStats:
        """Counts, the times of the oldest and the newest sample (ms), and the largest metrics and labels."""
        return self._data.stats(limit)

    def close(self) -> None:
        """Let go of the files. Idempotent."""
        self._data.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _newest(self) -> int:
        if self._newest_time is None:  # counted once: what was opened does not change
            self._newest_time = self._data.stats(0).max_time or int(clock.time() * 1000)
        return self._newest_time


def _raw(selection: Selection, low: int, high: int) -> Answer:
    points, beside = flat(selection, low, high), selection.histograms
    series, times, values = points.series, points.times, points.values
    histograms = None
    inside = (beside.times >= low) & (beside.times <= high)
    if inside.any():
        series = np.concatenate([series, beside.series[inside]])
        times = np.concatenate([times, beside.times[inside]])
        values = np.concatenate([values, np.full(int(inside.sum()), np.nan)])
        histograms = np.concatenate([np.full(len(points.times), None), beside.values[inside]])
        order = np.lexsort((times, series))
        series, times, values, histograms = series[order], times[order], values[order], histograms[order]
    present, owner = np.unique(series, return_inverse=True)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(owner.reshape(-1), minlength=len(present)))])
    return Answer("matrix", selection.labels.take(present), offsets.astype(np.int64), times, values, histograms)


def _window(start: Moment | None, end: Moment | None) -> tuple[int, int]:
    return (
        _EARLIEST if start is None else milliseconds(start),
        _LATEST if end is None else milliseconds(end),
    )
