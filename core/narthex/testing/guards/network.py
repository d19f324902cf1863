"""Keeps tests on the machine: what would reach beyond loopback is refused and put on record.

The interpreter announces every use of a socket to its audit hooks, whoever makes it, also code that took its own
reference to ``getaddrinfo`` long ago. An audit hook can't be taken away again, so there is one for each guard, which
does nothing while nobody watches. What another program does, or a library that brings its own network code (c-ares,
libuv), is not seen; nor is the look-up that a bare ``socket.connect`` of a name does before it connects.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from narthex.testing.guards.finding import Finding, whereabouts

__all__ = ["NetworkGuard", "NetworkRefusedError"]

_LOCAL_NAMES = frozenset({"", "localhost", "ip6-localhost", "localhost.localdomain"})
_INTERNET = frozenset({socket.AF_INET, socket.AF_INET6})
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class NetworkRefusedError(OSError):
    """A connection that the guard refused; an ``OSError``, so that code which survives a dead network survives it."""


class NetworkGuard:
    """Refuses connections, datagrams and look-ups that leave the machine. ``allowed`` as for ``Guards``."""

    def __init__(self, allowed: Collection[str] = ()) -> None:
        self._allowed = tuple(allowed)
        self._watching: list[tuple[list[Finding], frozenset[str], tuple[_Network, ...]]] = []
        self._installed = False

    @contextmanager
    def watch(self, found: list[Finding], allowed: Collection[str] = ()) -> Iterator[None]:
        """Refuse while the block runs, in every thread."""
        if not self._installed:
            self._installed = True
            sys.addaudithook(self._hook)
        names, networks = _sorted((*self._allowed, *allowed))
        self._watching.append((found, names, networks))
        try:
            yield
        finally:
            self._watching.pop()

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not event.startswith("socket.") or not self._watching:  # first, because every import passes here too
            return
        host, doing = _reached(event, arguments)
        if host is None:
            return
        found, names, networks = self._watching[-1]
        literal = _address(host)
        if literal is None:
            if _is_local_name(host) or host.lower() in names:
                return
        elif event in _LOOKUPS or _stays(literal) or any(literal in network for network in networks):
            return
        what = f"{doing} {host} refused, at {whereabouts(sys._getframe(1))}{_task()}"  # noqa: SLF001 -- as documented
        found.append(Finding("network", what))
        raise NetworkRefusedError(f"narthex.testing: {doing} {host}: only loopback is allowed in tests")


_LOOKUPS = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}
_DOING = {"socket.connect": "a connection to", "socket.sendto": "a datagram to", "socket.sendmsg": "a datagram to"}


def _reached(event: str, arguments: tuple[Any, ...]) -> tuple[str | None, str]:
    """The host that a call is about to reach, None where it is none of ours, and the call in words."""
    if event in _LOOKUPS:
        host = arguments[0]
        return (host.decode(errors="replace") if isinstance(host, bytes) else host), "a look-up of"
    if event not in _DOING or arguments[0].family not in _INTERNET:
        return None, ""
    address = arguments[1]
    return (str(address[0]) if isinstance(address, tuple) and address else None), _DOING[event]


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _stays(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether packets to it stay here; the unspecified address means this machine when one connects to it."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback or address.is_unspecified


def _is_local_name(host: str) -> bool:
    name = host.lower().removesuffix(".")
    return name in _LOCAL_NAMES or name.endswith(".localhost")


def _sorted(allowed: Collection[str]) -> tuple[frozenset[str], tuple[_Network, ...]]:
    names, networks = set(), []
    for one in allowed:
        try:
            networks.append(ipaddress.ip_network(one, strict=False))
        except ValueError:
            names.add(one.lower())
    return frozenset(names), tuple(networks)


def _task() -> str:
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return ""
    return f", in task {task.get_name()!r}" if task is not None else ""
