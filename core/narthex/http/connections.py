"""Connections that are kept open between requests, and how a new one is made.

A server may close an idle connection at the very moment when a request goes out on it. So a request that got nothing of
an answer on a kept connection is sent again, on a new one in the end; it is a GET, which may be repeated.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import NamedTuple

import aiohappyeyeballs

from narthex.http.wire import LostConnectionError, Reply, Wire

__all__ = ["Address", "Connections"]

_EYEBALLS = 0.25
"""Seconds before the next address of a host is tried beside the first one (RFC 8305)."""


class Address(NamedTuple):
    """Where a request goes: one of a host or the path of a socket; ``tls`` is None for plain text."""

    host: str
    port: int
    unix_socket: str = ""
    tls: ssl.SSLContext | None = None
    server_name: str | None = None


class Connections:
    """The connections of one client. Idle ones are closed after ``keep`` seconds."""

    def __init__(self, keep: float) -> None:
        self._keep = keep
        self._idle: dict[Address, list[tuple[Wire, float]]] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    async def ask(self, address: Address, head: bytes, limit: int, deadline: float) -> Reply:
        """Send a GET, on a kept connection if there is one; see :meth:`Wire.ask`. Raises ``OSError``, too."""
        while True:
            kept = self._take(address)
            wire = kept or await _connect(address, deadline)
            try:
                reply = await wire.ask(head, limit, deadline)
            except LostConnectionError:
                if kept is None:
                    raise
                continue
            self._put(address, wire)
            return reply

    def close(self) -> None:
        """Close all idle connections, and those in use when their answers are there. Idempotent."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for wires in self._idle.values():
            for wire, _ in wires:
                wire.close()
        self._idle.clear()

    def _take(self, address: Address) -> Wire | None:
        wires = self._idle.get(address)
        while wires:
            wire, _ = wires.pop()
            if wire.usable:
                return wire
        return None

    def _put(self, address: Address, wire: Wire) -> None:
        if self._closed or not wire.usable:
            wire.close()
            return
        loop = asyncio.get_running_loop()
        self._idle.setdefault(address, []).append((wire, loop.time()))
        if self._sweep is None:
            self._sweep = loop.call_later(self._keep / 2, self._expire, loop)

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        oldest = loop.time() - self._keep
        left: dict[Address, list[tuple[Wire, float]]] = {}
        for address, wires in self._idle.items():
            for wire, since in wires:
                if wire.usable and since > oldest:
                    left.setdefault(address, []).append((wire, since))
                else:
                    wire.close()
        self._idle = left
        self._sweep = loop.call_later(self._keep / 2, self._expire, loop) if left else None


async def _connect(address: Address, deadline: float) -> Wire:
    async with asyncio.timeout_at(deadline):
        return await _open(address)


async def _open(address: Address) -> Wire:
    loop = asyncio.get_running_loop()
    name = (address.server_name or address.host.rstrip(".")) if address.tls is not None else None
    if address.unix_socket:
        _, wire = await loop.create_unix_connection(Wire, address.unix_socket, ssl=address.tls, server_hostname=name)
        return wire
    found = await loop.getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG | socket.AI_NUMERICSERV
    )
    sock = await aiohappyeyeballs.start_connection(found, happy_eyeballs_delay=_EYEBALLS, loop=loop)
    _, wire = await loop.create_connection(Wire, sock=sock, ssl=address.tls, server_hostname=name)
    return wire
