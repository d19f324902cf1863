"""What one running query carries along: its steps, its limits, what it found worth saying."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from narthex.errors import QueryCancelledError, QueryLimitError, QueryTimeoutError
from narthex.promql.ast import Span
from narthex.promql.engine.vector import Ints

__all__ = ["Annotations", "Budget", "Limits", "Semantics", "Steps"]


@dataclass(frozen=True, slots=True)
class Semantics:
    """What queries mean, where Prometheus keeps it behind a feature flag.

    * ``delayed_name_removal``: metric names go at the end of the query (``promql-delayed-name-removal``).
    * ``start_timestamps``: rates and resets look at them (``use-start-timestamps``).
    * ``type_and_unit_labels``: whether a metric is a counter is asked of its ``__type__`` rather than of its name
      (``type-and-unit-labels``).
    """

    delayed_name_removal: bool = False
    start_timestamps: bool = False
    type_and_unit_labels: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one query.

    ``deadline`` is a reading of the engine's monotonic clock, ``cancelled`` is asked between nodes, ``max_samples``
    overrides the engine's.
    """

    deadline: float | None = None
    cancelled: Callable[[], bool] | None = None
    max_samples: int | None = None


class Budget:
    """Checks the limits while a query of ``steps`` steps runs, and counts the samples it read.

    Prometheus counts the samples held at a time; here the largest set of samples held for one node is compared with
    the limit, which is what decides about memory.
    """

    __slots__ = ("_limits", "_max", "_monotonic", "_silent", "by_step", "peak")

    def __init__(
        self, limits: Limits, max_samples: int, monotonic: Callable[[], float] = time.monotonic, steps: int = 1
    ) -> None:
        self._limits = limits
        self._max = max_samples if limits.max_samples is None else limits.max_samples
        self._monotonic = monotonic
        self._silent = 0
        self.by_step = np.zeros(steps, dtype=np.int64)
        self.peak = 0

    def check(self) -> None:
        """Raises ``QueryTimeoutError`` or ``QueryCancelledError``; called between nodes and between blocks."""
        deadline, cancelled = self._limits.deadline, self._limits.cancelled
        if deadline is not None and self._monotonic() > deadline:
            raise QueryTimeoutError("query timed out in expression evaluation")
        if cancelled is not None and cancelled():
            raise QueryCancelledError("query was canceled in expression evaluation")

    def hold(self, samples: int) -> None:
        """Raises ``QueryLimitError`` when so many samples at once are too many."""
        self.peak = max(self.peak, samples)
        self.admit(samples)

    def admit(self, samples: int) -> None:
        """The same for what is about to be held, as far as that can be told."""
        if samples > self._max:
            raise QueryLimitError("query processing would load too many samples into memory in query execution")

    def read(self, samples: Ints) -> None:
        """Count samples that were read from the storage for each step: int64 ``[K]``."""
        if not self._silent:
            aligned = len(samples) == len(self.by_step)  # a subquery has steps of its own
            self.by_step += samples if aligned else samples.sum()

    def read_evenly(self, samples: int, steps: int) -> None:
        """The same number for each of so many steps."""
        if not self._silent:
            self.by_step += samples if steps == len(self.by_step) else samples * steps

    @contextmanager
    def not_counted(self) -> Iterator[None]:
        """What is read for a subquery is counted when its outcome is."""
        self._silent += 1
        try:
            yield
        finally:
            self._silent -= 1


@dataclass(slots=True)
class Annotations:
    """Warnings and infos in the words of Prometheus and with the place in the query's text.

    A text is told once, with the place where it was met last. ``text`` is the query's text, or a function that makes
    it: most queries have nothing to say.
    """

    text: str | Callable[[], str]
    _warnings: dict[str, Span] = field(default_factory=dict)
    _infos: dict[str, Span] = field(default_factory=dict)

    def warn(self, message: str, pos: Span) -> None:
        """Add a warning: the result may be wrong."""
        self._warnings[message] = pos

    def info(self, message: str, pos: Span) -> None:
        """Add an info: the query may not mean what it says."""
        self._infos[message] = pos

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings as the API shows them."""
        return tuple(f"PromQL warning: {message} ({self._place(pos)})" for message, pos in self._warnings.items())

    @property
    def infos(self) -> tuple[str, ...]:
        """The infos as the API shows them."""
        return tuple(f"PromQL info: {message} ({self._place(pos)})" for message, pos in self._infos.items())

    def _place(self, pos: Span) -> str:
        text = self.text if isinstance(self.text, str) else self.text()
        before = text.encode("utf-8", "surrogateescape")[: pos.start]
        line, column = before.count(b"\n") + 1, pos.start - before.rfind(b"\n")
        return f"{line}:{column}"


@dataclass(frozen=True, slots=True)
class Steps:
    """When an expression is evaluated: ``times`` int64 ``[K]`` in ms, every ``interval`` ms.

    ``start``, ``end`` and ``step`` are those of the whole query, also inside a subquery: ``@ start()`` and the
    functions ``start()``, ``end()``, ``step()`` and ``range()`` mean them.
    """

    times: Ints
    interval: int
    start: int
    end: int
    step: int

    @classmethod
    def every(cls, start: int, end: int, step: int) -> Steps:
        """The steps of a query; an instant query has ``start == end`` and a step of 0."""
        times = np.arange(start, end + 1, step) if step else np.array([start])
        return cls(times.astype(np.int64), step, start, end, step)

    @property
    def count(self) -> int:
        """Number of steps, K."""
        return len(self.times)

    @property
    def instant(self) -> bool:
        """Whether the whole query is an instant query."""
        return self.step == 0

    def moved(self, times: Ints, interval: int) -> Steps:
        """Other moments within the same query."""
        return Steps(times, interval, self.start, self.end, self.step)
