"""Whom to ask and for which names: what ``/etc/resolv.conf`` says, as pure functions of its text (resolv.conf(5))."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, replace

__all__ = ["Endpoint", "Settings", "candidates", "endpoint", "parse"]

Endpoint = tuple[str, int]
"""An IP address and a port."""

_COMMENTS = "#;"
_MOST_DOTS = 15
_LONGEST_WAIT = 30


@dataclass(frozen=True, slots=True)
class Settings:
    """``timeout`` is how many seconds one server has for one answer."""

    servers: tuple[Endpoint, ...] = ()
    search: tuple[str, ...] = ()
    ndots: int = 1
    timeout: float = 5.0


def parse(text: str) -> Settings:
    """Read the file's text. What is not understood is skipped, as every resolver does; the last search list counts."""
    settings = Settings()
    for line in text.splitlines():
        words = line.split()
        if not words or words[0][0] in _COMMENTS:
            continue
        keyword, arguments = words[0], words[1:]
        if keyword == "nameserver" and arguments:
            with contextlib.suppress(ValueError):
                settings = replace(settings, servers=(*settings.servers, (_address(arguments[0]), 53)))
        elif keyword in {"search", "domain"}:
            found = arguments if keyword == "search" else arguments[:1]
            settings = replace(settings, search=tuple(name for name in found if name != "."))
        elif keyword == "options":
            settings = _options(settings, arguments)
    return settings


def _options(settings: Settings, options: Sequence[str]) -> Settings:
    for option in options:
        name, _, number = option.partition(":")
        if not (number.isascii() and number.isdigit()):
            continue
        if name == "ndots":
            settings = replace(settings, ndots=min(int(number), _MOST_DOTS))
        elif name == "timeout":
            settings = replace(settings, timeout=float(min(max(int(number), 1), _LONGEST_WAIT)))
    return settings


def candidates(name: str, settings: Settings) -> tuple[str, ...]:
    """The full names to ask for, in order.

    A name that ends in a dot is full already. Others are tried with each domain of the search list, and by themselves:
    first if they hold ``ndots`` dots or more, otherwise last.
    """
    if name.endswith("."):
        return (name,)
    itself = (f"{name}.",)
    searched = tuple(f"{name}.{domain.rstrip('.')}." for domain in settings.search)
    return itself + searched if name.count(".") >= settings.ndots else searched + itself


def endpoint(text: str) -> Endpoint:
    """Read ``address``, ``address:port`` or ``[address]:port``. Raises ``ValueError`` saying what was expected."""
    host, colon, port = text.rpartition(":")
    if text.startswith("[") and not text.endswith("]"):
        host = host.removeprefix("[").removesuffix("]")
    elif text.count(":") != 1:
        host, colon, port = text.removeprefix("[").removesuffix("]"), "", ""
    if colon and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"expected a port from 1 to 65535 in {text!r}")
    return _address(host), int(port) if colon else 53


def _address(text: str) -> str:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise ValueError(f"expected an IP address, got {text!r}") from None
    return text
