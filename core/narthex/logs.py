"""Log lines as Prometheus writes them, in logfmt or JSON, from the standard library's logging.

Every line has ``time``, ``level``, ``source`` (file and line), ``component`` (from the logger's name) and ``msg``, then
whatever the call passed as ``extra``, then ``error`` and ``stack`` for an exception. Callers name the text of an error
``err``, as Prometheus does; ``error`` is the exception that a line shows with its stack.
"""

from __future__ import annotations

import json
import logging
import re
import traceback
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

__all__ = ["JsonFormatter", "LogfmtFormatter", "NamedLog", "configure", "fields", "logfmt"]

_BUILT_IN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_OURS = frozenset({"time", "level", "source", "component", "error", "stack"})
_LEVELS = {logging.WARNING: "WARN", logging.CRITICAL: "ERROR"}  # the names that Prometheus uses
_OWN = frozenset({"narthex", "narthex_plugins", "narthex_sd"})
_TALKATIVE = {  # libraries and the least level of theirs that is worth a line: their information is ours to tell
    "aiohttp": logging.WARNING,
    "asyncio": logging.WARNING,
    "boto3": logging.ERROR,  # warnings tell at every attempt what the error raised tells; debugging shows credentials
    "botocore": logging.ERROR,
    "watchfiles": logging.WARNING,
    "zeroconf": logging.ERROR,  # warns of every odd packet that anybody on the network sends
}
_BARE = re.compile(r'[^\s="\\]+')
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class NamedLog(logging.LoggerAdapter[logging.Logger]):
    """Adds whose line it is to every line. The library's own adapter would throw away what the call passes."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Both sets of fields; the call's win."""
        kwargs["extra"] = {**(self.extra or {}), **(kwargs.get("extra") or {})}
        return msg, kwargs


def configure(level: str, style: Literal["logfmt", "json"], stream: TextIO) -> None:
    """Send every logger's lines of at least ``level`` (``debug``, ``info``, ``warn``, ``error``) to ``stream``.

    Replaces the handlers of the root logger, so the last call wins.
    """
    threshold = logging.WARNING if level == "warn" else logging.getLevelNamesMapping()[level.upper()]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter() if style == "json" else LogfmtFormatter())
    logging.basicConfig(level=threshold, handlers=[handler], force=True)
    for name, least in _TALKATIVE.items():
        logging.getLogger(name).setLevel(max(threshold, least))


class LogfmtFormatter(logging.Formatter):
    """``time=… level=INFO source=pool.py:12 component=scrape msg="…" job=node``."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as one line."""
        return logfmt(fields(record))


class JsonFormatter(logging.Formatter):
    """The same fields as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as one line."""
        members = {name: _json(value) for name, value in fields(record)}
        line = ", ".join(f"{_json(name)}: {value}" for name, value in members.items())
        return f"{{{line}}}".encode(errors="replace").decode()


def fields(record: logging.LogRecord) -> Iterator[tuple[str, Any]]:
    """The fields of a record in their order; names of ``extra`` that are taken get a ``_`` behind."""
    extra = {name: value for name, value in vars(record).items() if name not in _BUILT_IN}
    when = datetime.fromtimestamp(record.created, UTC)
    yield "time", when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    yield "level", _LEVELS.get(record.levelno, record.levelname)
    yield "source", f"{record.filename}:{record.lineno}"
    yield "component", extra.pop("component", None) or _component(record.name)
    yield "msg", record.getMessage()
    for name, value in extra.items():
        yield (f"{name}_" if name in _OURS else name), value
    if record.exc_info and record.exc_info[1]:
        error = record.exc_info[1]
        yield "error", f"{type(error).__name__}: {error}"
        yield "stack", "".join(traceback.format_exception(error))


def logfmt(pairs: Iterator[tuple[str, Any]] | Sequence[tuple[str, Any]]) -> str:
    """Pairs as ``key=value``, separated by blanks, without line breaks.

    A value is quoted where it is empty or holds blanks, ``=``, quotes, backslashes or what does not print; escapes are
    those of a JSON string, so that any logfmt reader takes them.
    """
    return " ".join(f"{_key(name)}={_value(value)}" for name, value in pairs)


def _component(logger: str) -> str:
    """The part of Narthex that a logger belongs to: ``scrape`` for ``narthex.scrape.pool``."""
    package, _, rest = logger.partition(".")
    return rest.partition(".")[0] if package in _OWN and rest else package


def _key(name: str) -> str:
    return re.sub(r"[^\w.\-/]", "_", name) or "_"


def _value(value: object) -> str:
    text = _text(value)
    if text.isprintable() and _BARE.fullmatch(text):
        return text
    return '"' + "".join(_escaped(char) for char in text) + '"'


def _text(value: object) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return _json(value) if isinstance(value, Mapping | list | tuple) else str(value)


def _json(value: object) -> str:
    """JSON, or the value's text as a JSON string where JSON has no form for it (NaN, odd keys, cycles)."""
    try:
        return json.dumps(value, default=str, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return json.dumps(str(value), ensure_ascii=False)


def _escaped(char: str) -> str:
    if known := _ESCAPES.get(char):
        return known
    return char if char.isprintable() else json.dumps(char)[1:-1]
