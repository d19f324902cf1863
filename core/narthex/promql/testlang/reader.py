"""Read test scripts: blocks of lines, each a command with what belongs to it.

A line that starts with ``#`` is as good as an empty one, so it ends the block before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from narthex.config.durations import parse_duration
from narthex.errors import ParseError
from narthex.model.histogram import NotationError
from narthex.promql.parser import ALL_OPTIONS, ParserOptions, parse
from narthex.promql.testlang.expectations import ExpectationReader
from narthex.promql.testlang.script import Clear, Command, Eval, Load, Script, ScriptError
from narthex.promql.testlang.series import SeriesLine, parse_series

__all__ = ["read_script"]

_LOAD = re.compile(r"(load|load_with_nhcb)\s+(\S+)", re.IGNORECASE)
_INSTANT = re.compile(r"eval(?:_(fail|warn|info|ordered))?\s+instant\s+(?:at\s+(\S+))?\s+(.+)", re.IGNORECASE)
_RANGE = re.compile(
    r"eval(?:_(fail|warn|info))?\s+range\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+?)\s+(.+)", re.IGNORECASE
)

Line = tuple[int, str]


def read_script(text: str, file: str = "script", options: ParserOptions = ALL_OPTIONS) -> Script:
    """The commands of a script; ``options`` are the parts of the language that are on, and its functions.

    Raises :class:`ScriptError` naming file and line.
    """
    return Script(file, tuple(_command(file, block, options) for block in _blocks(text)))


def _blocks(text: str) -> Iterator[list[Line]]:
    """Runs of lines between empty ones; a bare number, a ``clear`` and such stand in blocks of their own."""
    block: list[Line] = []
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.strip(" \t\r")
        if line and not line.startswith("#"):
            block.append((number, line))
        elif block:
            yield from _split(block)
            block = []
    if block:
        yield from _split(block)


def _split(block: list[Line]) -> Iterator[list[Line]]:
    """``clear`` takes no lines and a bare number ends an evaluation at once, so more commands may follow directly."""
    rest = block
    while rest:
        end = len(rest)
        if rest[0][1].lower().startswith("clear"):
            end = 1
        elif rest[0][1].lower().startswith("eval"):
            numbers = (at for at, (_, line) in enumerate(rest[1:], start=1) if ExpectationReader.is_number(line))
            end = next((at + 1 for at in numbers), end)
        yield rest[:end]
        rest = rest[end:]


def _command(file: str, block: list[Line], options: ParserOptions) -> Command:
    number, line = block[0]
    word = line.lower()
    try:
        if word.startswith("clear"):
            return Clear(number)
        if word.startswith("load"):
            return _load(file, block)
        if word.startswith("eval"):
            return _eval(file, block, options)
    except ParseError as error:
        raise ScriptError(file, number, f"invalid expression: {error}") from None
    raise ScriptError(file, number, f'invalid command "{line}"')


def _load(file: str, block: list[Line]) -> Load:
    number, line = block[0]
    found = _LOAD.fullmatch(line)
    if found is None:
        raise ScriptError(file, number, "invalid load command. (load[_with_nhcb] <step:duration>)")
    step = _duration(file, number, found[2], "step")
    series: dict[object, SeriesLine] = {}
    starts: list[SeriesLine] = []
    pending: SeriesLine | None = None
    for at, text in block[1:]:
        one = _series(file, at, text)
        if one.starts:
            if pending is not None:
                raise ScriptError(file, at, "start timestamps must be followed by the line of their series")
            pending = one
            continue
        if pending is not None:
            if pending.labels != one.labels or len(pending.values) != len(one.values):
                raise ScriptError(file, at, "series and number of positions must be those of the @st line before")
            starts.append(pending)
            pending = None
        series[one.labels] = one
    if pending is not None:
        raise ScriptError(file, block[-1][0], "start timestamps must be followed by the line of their series")
    return Load(number, step, tuple(series.values()), tuple(starts), found[1].lower() == "load_with_nhcb")


def _series(file: str, number: int, text: str) -> SeriesLine:
    try:
        return parse_series(text)
    except NotationError as error:
        raise ScriptError(file, number, f"{error.at + 1}: parse error: {error}") from None


def _eval(file: str, block: list[Line], options: ParserOptions) -> Eval:
    number, line = block[0]
    if (found := _RANGE.fullmatch(line)) is not None:
        mode, start_text, end_text, step_text, text = found.groups()
        start, end, step = _range(file, number, text, start_text, end_text, step_text)
    elif (found := _INSTANT.fullmatch(line)) is not None:
        mode, at, text = found.groups()
        start = end = _time(file, number, text, at or "0", "timestamp")
        step = 0
    else:
        raise ScriptError(file, number, f'invalid eval command "{line}"')
    expr = parse(text, options=options)
    reader = ExpectationReader(
        file, text, mode=(mode or "").lower(), instant=not step, positions=_positions(start, end, step)
    )
    return Eval(number, text, expr, start, end, step, reader.read(block[1:], number))


def _positions(start: int, end: int, step: int) -> int:
    return (end - start) // step + 1 if step else 1


def _range(file: str, number: int, text: str, start: str, end: str, step: str) -> tuple[int, int, int]:
    first = _time(file, number, text, start, "start timestamp")
    last = _time(file, number, text, end, "end timestamp")
    if last < first:
        reason = f"invalid test definition, end timestamp ({end}) is before start timestamp ({start})"
        raise ScriptError(file, number, f"error in eval {text}: {reason}")
    width = _time(file, number, text, step, "step")
    if not width:
        raise ScriptError(file, number, f"error in eval {text}: invalid step definition")
    return first, last, width


def _time(file: str, number: int, text: str, value: str, what: str) -> int:
    try:
        return parse_duration(value)
    except ValueError as error:
        raise ScriptError(file, number, f'error in eval {text}: invalid {what} definition "{value}": {error}') from None


def _duration(file: str, number: int, value: str, what: str) -> int:
    try:
        return parse_duration(value)
    except ValueError as error:
        raise ScriptError(file, number, f'invalid {what} definition "{value}": {error}') from None
