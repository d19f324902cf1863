"""One rule at work. An evaluation has two halves.

``compute`` runs in a worker thread: the query, the columns, the templates. It changes nothing. ``commit`` runs on the
event loop, where state, sending and writing belong, and does not wait. So a rule is never seen half evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from narthex.gotemplate import StringMap
from narthex.gotemplate.calls import Functions
from narthex.model.alert import Alert
from narthex.model.labels import Labels
from narthex.model.labeltable import LabelTable
from narthex.promql.value import InstantVector
from narthex.rules.alerting import ActiveAlert, Alerts, Found, LimitExceededError, State, Timing, advance, due
from narthex.rules.expansion import AlertData, TextSet, labels_of, template_functions
from narthex.rules.expression import Expression, Query
from narthex.rules.options import RuleOptions
from narthex.rules.recording import recorded, template_values, vector_of
from narthex.rules.restore import STATE_METRIC, last_seen, restored
from narthex.rules.sending import outgoing
from narthex.rules.series import SeriesWriter
from narthex.storage.protocol import Appended, Storage

__all__ = ["AlertingRule", "Committed", "Health", "Moment", "RecordingRule", "Rule", "Send"]

Send = Callable[[Sequence[Alert]], None]
"""Hands alerts over; never waits."""

Recorded = tuple[InstantVector, list[Labels] | None]
"""What to write, and the label sets of the rows where they differ from those of the last evaluation."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When an evaluation takes place, ms: the group's slot, and how far back it looks and writes."""

    slot: int
    offset: int = 0

    @property
    def query_time(self) -> int:
        """The time of the query and of the samples written."""
        return self.slot - self.offset


@dataclass(frozen=True, slots=True)
class Committed:
    """How many samples an evaluation gave, and how many of them, or of the ends it marked, the storage refused."""

    samples: int = 0
    refused: int = 0

    @classmethod
    def of(cls, table: LabelTable, stored: Appended) -> Committed:
        """What became of a result."""
        refused = stored.duplicate + stored.out_of_order + stored.too_old + stored.out_of_bounds
        return cls(table.rows, refused)


@dataclass(slots=True)
class Health:
    """How the last evaluation went. Times are seconds; the API shows all but ``refused``."""

    state: Literal["unknown", "ok", "err"] = "unknown"
    error: str = ""
    last_evaluation: float = 0.0
    duration: float = 0.0
    refused: int = 0


@dataclass(slots=True)
class RecordingRule:
    """Writes its expression's result under a new name."""

    name: str
    expression: Expression
    labels: Mapping[str, str]
    limit: int
    writer: SeriesWriter
    health: Health = field(default_factory=Health)

    @property
    def identity(self) -> tuple[str, str, Labels]:
        """What makes it the same rule after a reload."""
        return "recording", self.name, Labels(self.labels)

    def compute(self, query: Query, moment: Moment) -> Recorded:
        """The series to write. Raises ``QueryError`` and ``RuleError``."""
        value = query(self.expression.tree, moment.query_time).value
        vector = recorded(value, self.name, self.labels, self.limit)
        return vector, self.writer.decoded(vector.labels)

    def commit(self, result: Recorded, moment: Moment) -> Committed:
        """Write them. Raises ``StorageError``."""
        vector, labels = result
        table, histograms = vector.labels, vector.histograms
        stored = self.writer.write(table, vector.values, moment.query_time, labels, histograms)
        return Committed.of(table, stored)

    def adopt(self, other: RecordingRule) -> None:
        """Go on where the same rule was before a reload."""
        self.health = other.health
        self.writer.adopt(other.writer)


@dataclass(slots=True)
class AlertingRule:
    """Turns the elements of its expression's result into alerts."""

    name: str
    expression: Expression
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    timing: Timing
    interval: int
    options: RuleOptions
    send: Send
    writer: SeriesWriter
    restored: bool
    """Whether the state series are written: not before the old ones have been read after a restart."""
    template_functions: Functions = field(default_factory=dict)
    """Those of plugins."""
    health: Health = field(default_factory=Health)
    alerts: Alerts = field(default_factory=dict)
    _label_texts: TextSet = field(init=False)
    _annotation_texts: TextSet = field(init=False)

    def __post_init__(self) -> None:
        self._label_texts = TextSet(self.labels, self.name, self.template_functions)
        self._annotation_texts = TextSet(self.annotations, self.name, self.template_functions)

    @property
    def identity(self) -> tuple[str, str, Labels]:
        """What makes it the same rule after a reload."""
        return "alerting", self.name, Labels(self.labels)

    @property
    def state(self) -> State | Literal["unknown"]:
        """The highest state of its alerts."""
        if self.health.state == "unknown":
            return "unknown"
        states = {alert.state for alert in self.alerts.values()}
        return next((one for one in (State.FIRING, State.PENDING) if one in states), State.INACTIVE)

    # --- evaluation ---------------------------------------------------------------------------------------------------

    def compute(self, query: Query, moment: Moment) -> list[Found]:
        """The elements found, with their texts expanded. Raises ``QueryError`` and ``RuleError``."""
        vector = vector_of(query(self.expression.tree, moment.query_time).value)
        functions = template_functions(query, moment.slot, self.options.external_url)
        external = StringMap(self.options.external_labels)
        found = []
        rows = zip(vector.labels.all_labels(), vector.values.tolist(), template_values(vector), strict=True)
        for element, value, shown in rows:
            data = AlertData(StringMap(element), external, self.options.external_url, shown)
            labels = labels_of(element, self._label_texts.expand(data, functions), self.name)
            found.append(Found(labels, Labels(self._annotation_texts.expand(data, functions)), value))
        return found

    def commit(self, found: list[Found], moment: Moment) -> Committed:
        """Move the alerts on, send what is due, write the state series.

        Raises ``RuleError`` where the elements make no proper set of alerts, and ``StorageError``.
        """
        try:
            self.alerts = advance(self.alerts, found, moment.slot, self.timing)
        except LimitExceededError:
            self.alerts = {}
            raise
        self._send_due(moment.slot)
        if not self.restored:
            return Committed()
        table, values = state_series(self.alerts.values())
        return Committed.of(table, self.writer.write(table, values, moment.query_time))

    def _send_due(self, now: int) -> None:
        sent = due(self.alerts, now, self.options.resend_delay)
        if not sent:
            return
        self.alerts = {**self.alerts, **{one.labels: one for one in sent}}
        patience = max(self.interval, self.options.resend_delay)
        url, text = self.options.external_url, self.expression.text
        self.send([outgoing(one, now, patience, url, text) for one in sent])

    # --- restart and reload -------------------------------------------------------------------------------------------

    def restore(self, storage: Storage, now: int) -> Alerts:
        """The alerts with the active times that the storage remembers (in a worker thread; changes nothing).

        Raises ``StorageError``.
        """
        options = self.options
        if not self.alerts or self.timing.hold < options.for_grace_period:
            return self.alerts
        seen = last_seen(storage, self.name, self.labels, now - options.for_outage_tolerance, now)
        return restored(self.alerts, seen, now, self.timing.hold, options.for_grace_period)

    def adopt(self, other: AlertingRule) -> None:
        """Go on where the same rule was before a reload."""
        self.health = other.health
        self.alerts = other.alerts
        self.restored = other.restored
        self.writer.adopt(other.writer)


Rule = RecordingRule | AlertingRule


def state_series(alerts: Iterable[ActiveAlert]) -> tuple[LabelTable, NDArray[np.float64]]:
    """``ALERTS`` and ``ALERTS_FOR_STATE`` of the alerts that are pending or firing."""
    active = [alert for alert in alerts if alert.state is not State.INACTIVE]
    shown = [{**alert.labels, "__name__": "ALERTS", "alertstate": alert.state.value} for alert in active]
    since = [{**alert.labels, "__name__": STATE_METRIC} for alert in active]
    values = [1.0] * len(active) + [float(alert.active_at // 1000) for alert in active]
    return LabelTable.of([*shown, *since]), np.array(values, dtype=np.float64)
