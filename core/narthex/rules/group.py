"""A rule group: its rules, evaluated one after the other at every slot of the group.

Rules of one group see each other's fresh samples, because each is written before the next is evaluated. Groups know
nothing of one another. Whatever goes wrong with a rule marks that rule, and the group goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from narthex.clock import Clock
from narthex.errors import NarthexError
from narthex.gotemplate.calls import Functions
from narthex.model.labels import Labels
from narthex.rules.alerting import Timing
from narthex.rules.definition import GroupDefinition
from narthex.rules.expression import Expression, Parse, Query
from narthex.rules.metrics import RuleMetrics
from narthex.rules.rule import AlertingRule, Committed, Moment, RecordingRule, Rule, Send
from narthex.rules.series import SeriesWriter, write_stale
from narthex.rules.slots import first_slot, next_slot
from narthex.rules.status import GroupStatus, rule_status
from narthex.storage.protocol import Storage

__all__ = ["Group", "Services"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Services:
    """What groups work with.

    ``parse`` and ``query`` are the engine's. ``executor`` runs the queries: it is the rules' own, so that they never
    wait behind users. ``template_functions`` are those of plugins, for the texts of alerts.
    """

    storage: Storage
    parse: Parse
    query: Query
    send: Send
    clock: Clock
    executor: Executor
    metrics: RuleMetrics
    template_functions: Functions = field(default_factory=dict)


class Group:
    """One group. Build it (raises ``ParseError`` for a wrong expression), then let :meth:`run` be a task.

    ``restored`` is False after a start: then the alerts' old times are read from the storage after the second
    evaluation, and alert series are written from there on.
    """

    def __init__(self, definition: GroupDefinition, services: Services, *, restored: bool) -> None:
        self.definition = definition
        self.restored = restored
        self.rules: tuple[Rule, ...] = tuple(_build(definition, services, restored=restored))
        self.last_evaluation = 0.0
        self.evaluation_time = 0.0
        self._services = services
        self._orphans: list[Labels] = []
        self._stopping = asyncio.Event()
        self._evaluations = 0

    # --- life ---------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Evaluate at every slot until :meth:`stop`. The evaluation under way is finished first."""
        clock, definition = self._services.clock, self.definition
        slot = first_slot(_ms(clock.now()), definition.interval, definition.place)
        while await self._wait_until(slot):
            try:
                await self.evaluate(slot)
            except Exception:  # whatever it is, the next slot gets its chance
                log.exception("group evaluation failed unexpectedly", extra={"group": definition.title})
            following = next_slot(slot, _ms(clock.now()), definition.interval, definition.place)
            if following.missed:
                self._services.metrics.slots_missed(definition.title, following.missed)
            slot = following.slot

    def stop(self) -> None:
        """Let :meth:`run` return; it does not break off an evaluation."""
        self._stopping.set()

    async def _wait_until(self, slot: int) -> bool:
        """Whether the slot has come; False when the group is to stop."""
        clock = self._services.clock
        sleep = asyncio.ensure_future(clock.sleep(slot / 1000 - clock.now()))
        stop = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({sleep, stop}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleep.cancel()
            stop.cancel()
        return not self._stopping.is_set()

    def adopt(self, other: Group) -> None:
        """Take over the state of the same group before a reload: rule by rule, the nth of a name for the nth."""
        self.restored = other.restored
        self._evaluations = other._evaluations
        self.last_evaluation, self.evaluation_time = other.last_evaluation, other.evaluation_time
        waiting: dict[tuple[str, str, Labels], list[Rule]] = defaultdict(list)
        for rule in other.rules:
            waiting[rule.identity].append(rule)
        for rule in self.rules:
            if waiting[rule.identity]:
                _adopt(rule, waiting[rule.identity].pop(0))
        left = [rule for rules in waiting.values() for rule in rules]
        self._orphans = [*other._orphans, *_live(left)]
        for rule in left:
            rule.writer.close()

    def live(self) -> list[Labels]:
        """The series that the group wrote last, those of rules that a reload took out included."""
        return [*self._orphans, *_live(self.rules)]

    def close(self) -> list[Labels]:
        """Stop writing; returns the series that were alive."""
        live = self.live()
        for rule in self.rules:
            rule.writer.close()
        return live

    # --- evaluation ---------------------------------------------------------------------------------------------------

    async def evaluate(self, slot: int) -> None:
        """Evaluate every rule for the slot (ms), in file order."""
        services, title = self._services, self.definition.title
        moment = Moment(slot, self.definition.query_offset)
        began = services.clock.monotonic()
        started = services.clock.now()
        samples = 0
        for rule in self.rules:
            samples += await self._evaluate_rule(rule, moment)
        self._end_orphans(moment)
        self._evaluations += 1
        if not self.restored and self._evaluations >= 2:
            await self.restore(slot)
        self.last_evaluation = started
        self.evaluation_time = services.clock.monotonic() - began
        rule_time = sum(rule.health.duration for rule in self.rules)
        services.metrics.group_evaluated(title, started, self.evaluation_time, rule_time, samples)

    async def _evaluate_rule(self, rule: Rule, moment: Moment) -> int:
        """Evaluate one rule; returns its number of samples, 0 where it failed."""
        clock = self._services.clock
        began, health = clock.monotonic(), rule.health
        health.last_evaluation = clock.now()
        error, done = "", Committed()
        try:
            result: Any = await self._in_worker(partial(rule.compute, self._services.query, moment))
            done = rule.commit(result, moment)
        except NarthexError as problem:
            error = str(problem)
        except Exception as problem:  # a fault of ours in one rule must not end the others
            error = f"{type(problem).__name__}: {problem}"
            if health.error != error:
                log.exception("rule failed unexpectedly", extra=self._fields(rule))
        self._note_health(rule, error)
        self._note_refused(rule, done.refused)
        health.duration = clock.monotonic() - began
        self._services.metrics.rule_evaluated(self.definition.title, health.duration, failed=bool(error))
        return done.samples

    def _note_health(self, rule: Rule, error: str) -> None:
        """Log changes only."""
        health = rule.health
        if error and health.state != "err":
            log.warning("rule evaluation fails: %s", error, extra=self._fields(rule))
        elif not error and health.state == "err":
            log.info("rule evaluation works again", extra=self._fields(rule))
        health.state, health.error = ("err" if error else "ok"), error

    def _note_refused(self, rule: Rule, refused: int) -> None:
        """Log changes only: samples that the storage discards are lost, but the rule works."""
        if refused and not rule.health.refused:
            log.warning("samples of a rule are refused", extra={**self._fields(rule), "refused": refused})
        rule.health.refused = refused

    def _fields(self, rule: Rule) -> dict[str, str]:
        return {"rule_file": self.definition.file, "group": self.definition.name, "rule": rule.name}

    async def _in_worker(self, work: partial[Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._services.executor, work)

    def _end_orphans(self, moment: Moment) -> None:
        """End the series of rules that a reload took out of the group."""
        if not self._orphans:
            return
        orphans, self._orphans = self._orphans, []
        alive = set(_live(self.rules))
        ended = [one for one in orphans if one not in alive]
        try:
            write_stale(self._services.storage, ended, self.definition.interval, moment.query_time)
        except NarthexError as error:
            log.warning("series of removed rules could not be ended: %s", error, extra={"group": self.definition.name})

    async def restore(self, now: int) -> None:
        """Read the alerts' old times from the storage (``now`` in ms), and let alert series be written from here on."""
        began = self._services.clock.monotonic()
        for rule in self.rules:
            if isinstance(rule, AlertingRule):
                await self._restore_rule(rule, now)
        self.restored = True
        seconds = self._services.clock.monotonic() - began
        self._services.metrics.last_restore.labels(self.definition.title).set(seconds)

    async def _restore_rule(self, rule: AlertingRule, now: int) -> None:
        try:
            rule.alerts = await self._in_worker(partial(rule.restore, self._services.storage, now))
        except Exception as error:  # their old times are lost, the alerts are not
            expected = isinstance(error, NarthexError)
            log.warning("alerts could not be restored: %s", error, extra=self._fields(rule), exc_info=not expected)
        rule.restored = True

    # --- status -------------------------------------------------------------------------------------------------------

    def status(self) -> GroupStatus:
        """The group at this moment, for the API."""
        definition = self.definition
        return GroupStatus(
            file=definition.file,
            name=definition.name,
            interval=definition.interval / 1000,
            query_offset=definition.query_offset / 1000,
            limit=definition.limit,
            last_evaluation=self.last_evaluation,
            evaluation_time=self.evaluation_time,
            rules=tuple(rule_status(rule) for rule in self.rules),
        )


def _ms(seconds: float) -> int:
    return int(seconds * 1000)


def _live(rules: Iterable[Rule]) -> list[Labels]:
    return [series for rule in rules for series in rule.writer.live]


def _adopt(rule: Rule, other: Rule) -> None:
    """Equal identities are rules of one kind; the type checker cannot know."""
    if isinstance(rule, AlertingRule):
        assert isinstance(other, AlertingRule)
        rule.adopt(other)
    else:
        assert isinstance(other, RecordingRule)
        rule.adopt(other)


def _build(definition: GroupDefinition, services: Services, *, restored: bool) -> Iterator[Rule]:
    phase = (definition.place - definition.query_offset) % definition.interval
    for config in definition.rules:
        expression = Expression.read(config.expr, services.parse)
        labels: dict[str, str] = dict(config.labels.items())
        writer = SeriesWriter(services.storage, definition.interval, phase)
        if config.record:
            yield RecordingRule(config.record, expression, labels, definition.limit, writer)
            continue
        yield AlertingRule(
            name=config.alert,
            expression=expression,
            labels=labels,
            annotations=dict(config.annotations.items()),
            timing=Timing(int(config.for_), int(config.keep_firing_for), definition.limit),
            interval=definition.interval,
            options=definition.options,
            send=services.send,
            writer=writer,
            restored=restored,
            template_functions=services.template_functions,
        )
