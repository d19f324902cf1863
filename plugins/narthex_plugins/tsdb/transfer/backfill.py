"""Recording rules, evaluated over samples that are stored already, written as blocks.

A rule may read what another rule of the files records. Then the blocks written so far are put into use before it is
evaluated, so the files give the same as they would have given a running server, in one run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from narthex.errors import QueryError, RuleError, StorageError
from narthex.model.labels import Labels
from narthex.model.matcher import MatchOp
from narthex.promql.ast import Expr, VectorSelector, walk
from narthex.promql.engine import Engine
from narthex.promql.value import InstantVector, RangeVector
from narthex.rules.recording import recorded
from narthex.storage.frames import Points
from narthex_plugins.tsdb.reading import read_directory
from narthex_plugins.tsdb.transfer.intake import Intake
from narthex_plugins.tsdb.transfer.spill import Spill

__all__ = ["Backfill", "RuleToFill", "Stretch", "Tell"]

Tell = Callable[[str, int, int], None]
_METRIC = "__name__"
_STEPS = 720
"""Steps evaluated in one query: half a day of minutes."""


@dataclass(frozen=True, slots=True)
class RuleToFill:
    """A recording rule: the metric, the expression's text, labels to set, and how many series it may have (0: any)."""

    record: str
    expression: str
    labels: Mapping[str, str]
    limit: int = 0


@dataclass(frozen=True, slots=True)
class Stretch:
    """Evaluation at ``start``, ``start + step``, … up to ``end``, in ms."""

    start: int
    end: int
    step: int

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """First and last moment of parts that are evaluated at once."""
        span = self.step * _STEPS
        for low in range(self.start, self.end + 1, span):
            yield low, min(self.end, low + span - self.step)

    def __len__(self) -> int:
        return len(range(self.start, self.end + 1, self.step * _STEPS))


class Backfill:
    """One run: samples are read from ``source`` and go to the intake's directory, which may be the same."""

    def __init__(self, intake: Intake, source: Path, stretch: Stretch, tell: Tell) -> None:
        self._intake = intake
        self._source = source
        self._stretch = stretch
        self._tell = tell
        self._engine = self._opened()
        self._pending: set[str] = set()
        """Metrics recorded since the source was opened."""
        self._numbers: dict[Labels, int] = {}
        self._spill = Spill(intake.scratch)
        self.samples = 0

    def run(self, rules: Sequence[RuleToFill]) -> int:
        """Evaluate the rules in order; returns how many blocks were written.

        Raises ``QueryError`` and ``RuleError`` naming the rule; what was put into use before stays.
        """
        blocks = 0
        for done, rule in enumerate(rules):
            if self._reads_pending(self._engine.parse(rule.expression)):
                blocks += self._write()
                self._engine = self._opened()
            for part, (low, high) in enumerate(self._stretch):
                self._tell(rule.record, done * len(self._stretch) + part, len(rules) * len(self._stretch))
                self._evaluate(rule, low, high)
            self._pending.add(rule.record)
        return blocks + self._write()

    @property
    def series(self) -> int:
        """How many series were recorded."""
        return len(self._numbers)

    def _evaluate(self, rule: RuleToFill, low: int, high: int) -> None:
        try:
            value = self._engine.range(rule.expression, low, high, self._stretch.step).value
            if not isinstance(value, RangeVector):
                raise RuleError("the result is no vector")
            one = InstantVector(value.labels, np.zeros(value.labels.rows), low)
            table = recorded(one, rule.record, rule.labels, rule.limit).labels
        except (QueryError, RuleError) as error:
            raise type(error)(f"rule {rule.record}: {error}") from error
        numbers = [self._numbers.setdefault(labels, len(self._numbers)) for labels in table.all_labels()]
        series = np.repeat(np.array(numbers, dtype=np.int64), np.diff(value.offsets))
        self._keep(series, value)

    def _keep(self, series: NDArray[np.int64], value: RangeVector) -> None:
        if value.histograms is None:
            self._spill.add(Points(series, value.times, value.values))
            return
        floats = np.array([one is None for one in value.histograms])
        self._spill.add(Points(series[floats], value.times[floats], value.values[floats]))
        times, values = value.times[~floats], value.histograms[~floats].tolist()
        self._intake.histograms.add(list(self._numbers), series[~floats], times, values)

    def _write(self) -> int:
        slots = sorted({*self._spill.slots(), *self._intake.histograms.slots()})
        labels = list(self._numbers)
        for done, slot in enumerate(slots):
            self._tell("writing blocks", done, len(slots))
            found = ((labels[one], times, values) for one, times, values in self._spill.columns(slot))
            self.samples += self._intake.write(found, slot)
        self._spill.clear()
        self._pending.clear()
        return self._intake.commit()

    def _reads_pending(self, expr: Expr) -> bool:
        """Whether the expression may select what has been recorded and not been written."""
        for node in walk(expr):
            if isinstance(node, VectorSelector):
                named = [one for one in node.matchers if one.name == _METRIC and one.op is MatchOp.EQUAL]
                if any(all(one.matches(metric) for one in named) for metric in self._pending):
                    return True
        return False

    def _opened(self) -> Engine:
        try:
            return Engine(read_directory(self._source))
        except StorageError as error:
            raise StorageError(f"cannot read what the rules need: {error}") from error
