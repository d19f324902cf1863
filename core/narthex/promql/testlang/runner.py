"""Run a test script on an engine: one outcome for each evaluation.

The engine and the storage come from outside, so the same scripts test every storage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Literal, Protocol

from narthex.errors import QueryError
from narthex.promql.ast import Expr
from narthex.promql.printer import to_text
from narthex.promql.testlang.compare import difference, middle_of, unsorted
from narthex.promql.testlang.loading import load_into
from narthex.promql.testlang.rewrite import evaluation_times, has_query_bounds, is_time_bound, pinned
from narthex.promql.testlang.script import Annotation, Clear, Eval, Load, Script
from narthex.promql.value import QueryResult, String
from narthex.regex import Regex
from narthex.storage.protocol import Storage

__all__ = ["Outcome", "QueryEngine", "Setup", "run_script"]

_MINUTE = 60_000
_LONG_NAME = {"warn": "warning", "info": "info"}


class QueryEngine(Protocol):
    """What the runner asks of an engine."""

    def instant(self, expr: str, time: int) -> QueryResult:
        """Evaluate at one time (ms)."""

    def range(self, expr: str, start: int, end: int, step: int) -> QueryResult:
        """Evaluate at every step (ms) from start to end."""


Setup = Callable[[], AbstractContextManager[tuple[Storage, QueryEngine]]]
"""Makes an empty storage, started, and an engine over it; called at the start and for every ``clear``."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an evaluation; ``reason`` is why it failed."""

    file: str
    line: int
    text: str
    status: Literal["passed", "failed"]
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}: {self.reason or self.status}"


def run_script(script: Script, setup: Setup, *, variations: bool = True) -> Iterator[Outcome]:
    """Run all commands in order; yields after each evaluation. Raises ``StorageError`` when data cannot be loaded.

    ``variations`` asks every instant evaluation with its selectors pinned by ``@`` too; each is asked as the middle
    step of a range query in any case.
    """
    with ExitStack() as stack:
        storage, engine = stack.enter_context(setup())
        for command in script.commands:
            match command:
                case Clear():
                    stack.close()
                    storage, engine = stack.enter_context(setup())
                case Load():
                    load_into(storage, command)
                case Eval():
                    yield _outcome(script.file, _Evaluation(command, engine, variations=variations))


def _outcome(file: str, evaluation: _Evaluation) -> Outcome:
    case = evaluation.case
    try:
        reason = evaluation.run()
    except Exception as error:  # noqa: BLE001 - a bug of the engine fails one evaluation, not the whole run
        reason = f"engine raised {type(error).__name__}: {error}"
    if reason is None:
        return Outcome(file, case.line, case.text, "passed")
    return Outcome(file, case.line, case.text, "failed", reason)


class _Evaluation:
    """One evaluation with all its variations; each method returns the first complaint or None."""

    def __init__(self, case: Eval, engine: QueryEngine, *, variations: bool) -> None:
        self.case = case
        self._engine = engine
        self._variations = variations

    def run(self) -> str | None:
        case = self.case
        if not case.instant:
            answer = self._ask(lambda: self._engine.range(case.text, case.start, case.end, case.step))
            if isinstance(answer, QueryResult):
                return self._check(answer) or unsorted(answer.value)
            return answer
        if case.expected.window is not None or case.expected.string is not None:
            answer = self._ask(lambda: self._engine.instant(case.text, case.start))
            return self._check(answer) if isinstance(answer, QueryResult) else answer
        return self._at(case.text, case.expr, case.start) or (self._pinned() if self._variations else None)

    def _pinned(self) -> str | None:
        case = self.case
        if is_time_bound(case.expr):
            return None
        expr = pinned(case.expr, case.start)
        text = to_text(expr)
        for moment in evaluation_times(case.start):
            if (complaint := self._at(text, expr, moment)) is not None:
                return f"as {text} at {moment} ms: {complaint}"
        return None

    def _at(self, text: str, expr: Expr, moment: int) -> str | None:
        """An instant query, and the middle of a range query around it."""
        answer = self._ask(lambda: self._engine.instant(text, moment))
        if not isinstance(answer, QueryResult):
            return answer
        if (complaint := self._check(answer)) is not None:
            return complaint
        if has_query_bounds(expr) or isinstance(answer.value, String):
            return None
        complaint = self._middle(text, moment, answer)
        return None if complaint is None else f"in range mode: {complaint}"

    def _middle(self, text: str, moment: int, instant: QueryResult) -> str | None:
        try:
            answer = self._engine.range(text, moment - _MINUTE, moment + _MINUTE, _MINUTE)
        except QueryError as error:
            return f"failed: {error}"
        if self.case.expected.ordered:
            return None  # the order of a range query's series is its own
        if (complaint := unsorted(answer.value)) is not None:
            return complaint
        middle = middle_of(answer.value, moment, instant.value)
        return "no sample in the middle" if middle is None else difference(self.case, middle)

    def _ask(self, query: Callable[[], QueryResult]) -> QueryResult | str | None:
        """The answer; or, where there is none to look at, a complaint or None."""
        failure = next((one for one in self.case.expected.annotations if one.kind == "fail"), None)
        try:
            answer = query()
        except QueryError as error:
            if failure is None:
                return f"unexpected error: {error}"
            if _fits(failure, str(error)):
                return None
            return f"expected error {_described(failure)}, but got: {error}"
        return answer if failure is None else "expected error but got none"

    def _check(self, answer: QueryResult) -> str | None:
        for kind, found in (("warn", answer.warnings), ("info", answer.infos)):
            if (complaint := self._annotations(kind, found)) is not None:
                return complaint
        return difference(self.case, answer.value)

    def _annotations(self, kind: str, found: Sequence[str]) -> str | None:
        wanted = [one for one in self.case.expected.annotations if one.kind == kind]
        if kind in self.case.expected.forbidden and found:
            return f"unexpected {_LONG_NAME[kind]} annotations: {list(found)}"
        if wanted and not found:
            return f"expected {kind} annotations but none were found"
        for one in wanted:
            if not any(_fits(one, text) for text in found):
                return f"expected {kind} annotation {_described(one)} but found: {list(found)}"
        for text in found if wanted else ():
            if not any(_fits(one, text) for one in wanted):
                return f"unexpected {kind} annotation {text!r}, none of the expected ones"
        return None


def _fits(wanted: Annotation, text: str) -> bool:
    if wanted.match == "regex":
        return Regex(wanted.text).search(text)
    return wanted.match == "any" or wanted.text == text


def _described(wanted: Annotation) -> str:
    if wanted.match == "any":
        return "of any kind"
    return f"matching {'pattern' if wanted.match == 'regex' else 'message'} {wanted.text!r}"
