"""Whether what a hook returned is what the hook asks for; said in words that help its author.

The checks are about the description only. What a kind builds is checked by running it, and the supervisor contains it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from inspect import iscoroutinefunction
from typing import Any, get_args

from narthex.kinds import (
    ArgumentType,
    Command,
    DiscoveryKind,
    PromqlFunction,
    ReceiverKind,
    RelabelAction,
    ScrapeKind,
    Stability,
    StorageKind,
    TemplateFunction,
    WebRoute,
)
from narthex.plugins.reserved import COMMANDS, reserved_by
from narthex.plugins.words import PROMQL_WORDS, TEMPLATE_WORDS

__all__ = ["check"]

_NAME = re.compile(r"[a-z][a-z0-9_]*")  # most names become a part of a configuration key
_HYPHENS = re.compile(r"[a-z][a-z0-9_-]*")
_IDENTIFIER = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def check(item: object, expected: type) -> str:
    """The first thing wrong with a contribution, or an empty text."""
    if not isinstance(item, expected):
        return f"returned {item!r:.80}, expected a {expected.__name__}"
    found = next(_CHECKS[expected](item), "")
    return f"{_title(item)} {found}" if found else ""


def _title(item: Any) -> str:
    return f"{type(item).__name__} {getattr(item, 'name', None) or getattr(item, 'path', None)!r:.80}"


def _common(kind: Any) -> Iterator[str]:
    pattern, expected = _names(kind)
    if not isinstance(kind.name, str) or not pattern.fullmatch(kind.name):
        yield f"has a bad name, expected {expected}, a letter first"
    if kind.stability not in get_args(Stability):
        yield f"has stability {kind.stability!r}, expected one of {', '.join(get_args(Stability))}"
    if not isinstance(kind.summary, str):
        yield "has a summary that is not text"


def _names(kind: object) -> tuple[re.Pattern[str], str]:
    """What a name may be, as an expression and in words."""
    if isinstance(kind, TemplateFunction):  # as the functions of Go's templates, which are written camelCase
        return _IDENTIFIER, "letters, digits and _"
    if isinstance(kind, ScrapeKind | Command):
        return _HYPHENS, "lower-case letters, digits and - or _"
    return _NAME, "lower-case letters, digits and _"


def _built(kind: Any) -> Iterator[str]:
    """Kinds with a configuration and a builder."""
    yield from _common(kind)
    yield from _config(kind.config)
    yield from _function(kind.build, "build")
    if not _is_texts(kind.requires):
        yield "has requires that are not a tuple of package names"
    if not isinstance(kind.extra, str):
        yield "has an extra that is not text"


def _config(config: object) -> Iterator[str]:
    if not isinstance(config, type) or not dataclasses.is_dataclass(config):
        yield f"has config {config!r:.80}, expected a dataclass"
        return
    params = getattr(config, "__dataclass_params__")  # noqa: B009 - typeshed does not know the attribute
    if not params.frozen:
        yield f"has config {config.__name__}, which is not frozen; write @dataclass(frozen=True)"
    elif not params.eq:
        yield f"has config {config.__name__}, which does not compare by value; remove eq=False"


def _function(value: object, what: str) -> Iterator[str]:
    if not callable(value):
        yield f"has a {what} that cannot be called"
    elif iscoroutinefunction(value):
        yield f"has an async {what}; it must be a plain function"


def _optional(value: object, what: str) -> Iterator[str]:
    if value is not None:
        yield from _function(value, what)


def _storage(kind: Any) -> Iterator[str]:
    yield from _built(kind)
    yield from _optional(kind.read, "read")


def _discovery(kind: Any) -> Iterator[str]:
    yield from _built(kind)
    if kind.name == "static" and not kind.merge:
        yield "must set merge: all static_configs of a job are one discoverer"
    if kind.name.endswith(("_sd", "_sd_configs")):
        yield f"must leave out the suffix: a kind named x is configured as x_sd_configs, not {kind.key}"


def _relabel(action: Any) -> Iterator[str]:
    yield from _common(action)
    yield from _function(action.compile, "compile")
    yield from _function(action.check, "check")
    yield from _optional(action.columns, "columns")


def _scrape(kind: Any) -> Iterator[str]:
    yield from _common(kind)
    yield from _function(kind.parse, "parse")
    if not isinstance(kind.protocols, tuple) or not all(_is_texts(one) and len(one) == 2 for one in kind.protocols):
        yield "has protocols that are not a tuple of (name, Accept entry)"
    if not _is_texts(kind.media_types) or any(one != one.lower() or ";" in one for one in kind.media_types):
        yield "has media_types that are not a tuple of lower-case types without parameters"
    yield from _optional(kind.timestamp, "timestamp")
    yield from _optional(kind.configured, "configured")


def _route(route: Any) -> Iterator[str]:
    if route.method not in _METHODS:
        yield f"has method {route.method!r:.80}, expected one of {', '.join(sorted(_METHODS))}"
    if not isinstance(route.path, str) or not route.path.startswith("/"):
        yield "has a path that does not start with /"
    elif taken := reserved_by(route.path):
        yield f"takes a path of the core ({taken})"
    if not callable(route.handle):
        yield "has a handle that cannot be called"


def _command(command: Any) -> Iterator[str]:
    yield from _common(command)
    yield from _function(command.build, "build")
    if command.name in COMMANDS:
        yield "has the name of a command of the core"


def _promql(function: Any) -> Iterator[str]:
    yield from _common(function)
    if function.name in PROMQL_WORDS:
        yield "has a name of the language itself"
    yield from _function(function.compute, "compute")
    if not _is_texts(function.args) or not set(function.args) <= set(get_args(ArgumentType)):
        yield f"has args that are not a tuple of {', '.join(get_args(ArgumentType))}"
    elif type(function.variadic) is not int or function.variadic < -1 or (function.variadic and not function.args):
        yield "has a variadic that is not -1, 0 or a number of arguments, or none to repeat"
    elif problem := _shape(function):
        yield problem
    if function.returns not in {"vector", "scalar"}:
        yield f"has returns {function.returns!r:.80}, expected vector or scalar"


def _shape(function: PromqlFunction) -> str:
    """Whether the arguments are such as ``over`` can hand on."""
    others = {"values": ["vector"], "windows": ["matrix"], "call": []}
    if function.over not in others:
        return f"has over {function.over!r:.80}, expected one of {', '.join(others)}"
    if function.over == "call":
        return ""
    if function.returns != "vector":
        return f"is computed over {function.over}, so it returns a vector"
    if [one for one in function.args if one != "scalar"] != others[function.over]:
        return f"is computed over {function.over}, so it takes one {others[function.over][0]}, and scalars"
    if function.over == "values" and function.args[0] != "vector":
        return "is computed over values, so its first argument is the vector"
    if function.variadic and function.args[-1] != "scalar":
        return f"is computed over {function.over}, so only a scalar may be optional"
    return ""


def _template(function: Any) -> Iterator[str]:
    yield from _common(function)
    if function.name in TEMPLATE_WORDS:
        yield "has a name of the language itself"
    yield from _function(function.call, "call")
    if not _is_texts(function.params):
        yield "has params that are not a tuple of type names"
    if not isinstance(function.rest, str):
        yield "has a rest that is not a type name"


def _is_texts(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(one, str) for one in value)


_CHECKS: dict[type, Callable[[Any], Iterator[str]]] = {
    DiscoveryKind: _discovery,
    RelabelAction: _relabel,
    ScrapeKind: _scrape,
    StorageKind: _storage,
    ReceiverKind: _built,
    PromqlFunction: _promql,
    TemplateFunction: _template,
    WebRoute: _route,
    Command: _command,
}
