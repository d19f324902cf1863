"""The lines below an ``eval``: expected series, values, annotations and failures."""

from __future__ import annotations

import re
from typing import Literal

from narthex.config.durations import parse_duration
from narthex.model.histogram import NotationError
from narthex.promql.numbers import read_number
from narthex.promql.strings import StringSyntaxError, unquote
from narthex.promql.testlang.script import Annotation, Expected, ScriptError
from narthex.promql.testlang.series import SeriesLine, parse_series
from narthex.regex import Regex

__all__ = ["ExpectationReader"]

Line = tuple[int, str]

_NUMBER = re.compile(
    r"[+-]?(?:[0-9][0-9_]*\.?[0-9_]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?|(?i:inf|nan))|[+-]?0[xX][0-9a-fA-F]+"
)
_EXPECT = re.compile(r"expect\s+(fail|warn|info|no_warn|no_info|ordered)(?:\s+(msg|regex):(.+))?")
_KINDS: dict[str, Literal["fail", "warn", "info"]] = {"fail": "fail", "warn": "warn", "info": "info"}
_MATCHES: dict[str, Literal["any", "msg", "regex"]] = {"any": "any", "msg": "msg", "regex": "regex"}
_OLD_FAIL = re.compile(r"expected_fail_(message|regexp)\s+(.*)")
_WINDOW = re.compile(r"expect\s+range\s+vector\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)")
_STRING = re.compile(r"expect\s+string(?:\s+(.*))?")
_LITERAL = re.compile(r'"(?:[^"\\]|\\.)*"|`[^`]*`')


class ExpectationReader:
    """Collects the lines of one evaluation, whose expression is ``text``."""

    def __init__(self, file: str, text: str, *, mode: str, instant: bool, positions: int) -> None:
        self._file = file
        self._text = text
        self._instant = instant
        self._positions = positions
        self._ordered = mode == "ordered"
        self._series: list[SeriesLine] = []
        self._scalar: float | None = None
        self._string: str | None = None
        self._window: tuple[int, int, int] | None = None
        self._annotations: list[Annotation] = []
        self._forbidden: set[str] = set()
        self._mode = mode

    @staticmethod
    def is_number(line: str) -> bool:
        """Whether the line is a bare number, which expects a scalar and ends the block."""
        return _NUMBER.fullmatch(line) is not None

    def read(self, lines: list[Line], first: int) -> Expected:
        """Everything expected. Raises :class:`ScriptError` for lines that make no sense, alone or together."""
        for number, line in lines:
            self._line(number, line)
        kind = _KINDS.get(self._mode)  # eval_fail and its like expect any, unless a line below says more
        if kind and kind not in self._forbidden and not any(one.kind == kind for one in self._annotations):
            self._annotations.append(Annotation(kind))
        if self._ordered and not self._instant:
            raise self._error(first, "expecting ordered results is for instant queries only")
        return Expected(
            tuple(self._series),
            self._scalar,
            self._string,
            self._window,
            self._ordered,
            tuple(self._annotations),
            frozenset(self._forbidden),
        )

    def _error(self, number: int, message: str) -> ScriptError:
        return ScriptError(self._file, number, f"error in eval {self._text}: {message}")

    def _line(self, number: int, line: str) -> None:
        if self.is_number(line):
            sign = -1.0 if line.startswith("-") else 1.0
            self._scalar = sign * read_number(line.lstrip("+-"))
        elif (old := _OLD_FAIL.fullmatch(line)) is not None:
            self._annotate(number, "fail", "msg" if old[1] == "message" else "regex", old[2])
        elif (string := _STRING.fullmatch(line)) is not None:
            self._string = self._literal(number, string[1])
        elif re.match(r"expect\s+range\s+vector\b", line):
            self._range_vector(number, line)
        elif line.split(" ", 1)[0] == "expect":  # a metric of that name is written expect{}
            self._expect(number, line)
        else:
            self._expect_series(number, line)

    def _expect_series(self, number: int, line: str) -> None:
        try:
            series = parse_series(line)
        except NotationError as error:
            raise self._error(number, f"{error.at + 1}: parse error: {error}") from None
        if self._instant and self._window is None and len(series.values) != 1:
            raise self._error(number, "expected exactly one value for an instant query")
        if not self._instant and len(series.values) > self._positions:
            reason = "but query time range cannot return this many points"
            raise self._error(number, f"expected {len(series.values)} points for {series.labels}, {reason}")
        self._series.append(series)

    def _expect(self, number: int, line: str) -> None:
        found = _EXPECT.fullmatch(line)
        if found is None:
            form = "`expect <type> <match_type>: <string>`"
            raise self._error(number, f"invalid expect statement, must match {form} format")
        kind, match, text = found.groups()
        if kind == "ordered":
            self._ordered = True
        elif kind.startswith("no_"):
            self._forbid(number, kind.removeprefix("no_"))
        else:
            self._annotate(number, _KINDS[kind], _MATCHES[match or "any"], (text or "").strip())

    def _forbid(self, number: int, kind: str) -> None:
        self._forbidden.add(kind)
        self._check_contradiction(number)

    def _annotate(
        self, number: int, kind: Literal["fail", "warn", "info"], match: Literal["any", "msg", "regex"], text: str
    ) -> None:
        if kind == "fail" and any(one.kind == "fail" for one in self._annotations):
            raise self._error(number, "invalid expect lines, multiple expect fail lines are not allowed")
        if match == "regex":
            try:
                Regex(text)
            except ValueError as error:
                raise self._error(number, f"invalid regexp {text!r}: {error}") from None
        self._annotations.append(Annotation(kind, match, text))
        self._check_contradiction(number)

    def _check_contradiction(self, number: int) -> None:
        for one in self._annotations:
            if one.kind in self._forbidden:
                raise self._error(number, f"invalid expect lines, {one.kind} and no_{one.kind} cannot be used together")

    def _literal(self, number: int, text: str | None) -> str:
        if not text:
            raise self._error(number, "expected string literal not valid - a quoted string literal is required")
        try:
            if _LITERAL.fullmatch(text):
                return unquote(text)
        except StringSyntaxError:
            pass
        raise self._error(number, "expected string literal not valid - check that the string is correctly quoted")

    def _range_vector(self, number: int, line: str) -> None:
        found = _WINDOW.fullmatch(line)
        if found is None or not self._instant:
            raise self._error(number, f'invalid range vector definition "{line}"')
        try:
            start, end, step = (parse_duration(text) for text in found.groups())
        except ValueError as error:
            raise self._error(number, f'invalid range vector definition "{line}": {error}') from None
        if end < start or not step:
            raise self._error(number, f'invalid range vector definition "{line}"')
        self._window = (start, end, step)
