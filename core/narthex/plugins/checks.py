"""Whether what a hook returned is what the hook asks for; said in words that help its author.

The checks are about the description only. What a kind builds is checked by running it, and the supervisor contains it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from inspect import iscoroutinefunction
from typing import Any, get_args

from narthex.kinds import DiscoveryKind, ReceiverKind, RelabelAction, ScrapeKind, Stability, StorageKind, WebRoute
from narthex.plugins.reserved import reserved_by

__all__ = ["check"]

_NAME = re.compile(r"[a-z][a-z0-9_]*")  # most names become a part of a configuration key
_FORMAT_NAME = re.compile(r"[a-z][a-z0-9_-]*")
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
    hyphen = isinstance(kind, ScrapeKind)
    if not isinstance(kind.name, str) or not (_FORMAT_NAME if hyphen else _NAME).fullmatch(kind.name):
        yield f"has a bad name, expected lower-case letters, digits and {'- or ' if hyphen else ''}_, a letter first"
    if kind.stability not in get_args(Stability):
        yield f"has stability {kind.stability!r}, expected one of {', '.join(get_args(Stability))}"
    if not isinstance(kind.summary, str):
        yield "has a summary that is not text"


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


def _scrape(kind: Any) -> Iterator[str]:
    yield from _common(kind)
    yield from _function(kind.parse, "parse")
    if not isinstance(kind.protocols, tuple) or not all(_is_texts(one) and len(one) == 2 for one in kind.protocols):
        yield "has protocols that are not a tuple of (name, Accept entry)"
    if not _is_texts(kind.media_types) or any(one != one.lower() or ";" in one for one in kind.media_types):
        yield "has media_types that are not a tuple of lower-case types without parameters"


def _route(route: Any) -> Iterator[str]:
    if route.method not in _METHODS:
        yield f"has method {route.method!r:.80}, expected one of {', '.join(sorted(_METHODS))}"
    if not isinstance(route.path, str) or not route.path.startswith("/"):
        yield "has a path that does not start with /"
    elif taken := reserved_by(route.path):
        yield f"takes a path of the core ({taken})"
    if not callable(route.handle):
        yield "has a handle that cannot be called"


def _is_texts(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(one, str) for one in value)


_CHECKS: dict[type, Callable[[Any], Iterator[str]]] = {
    DiscoveryKind: _discovery,
    RelabelAction: _relabel,
    ScrapeKind: _scrape,
    StorageKind: _built,
    ReceiverKind: _built,
    WebRoute: _route,
}
