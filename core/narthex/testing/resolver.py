"""A resolver of names that asks nobody: a table from names to addresses, and a record of what was asked.

It has the interface that aiohttp's connectors take as ``resolver=`` and answers as the system's resolver does; so a
plugin that makes its own session can be tested with the names of production, which all lead to loopback here.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence

from aiohttp.abc import AbstractResolver, ResolveResult

__all__ = ["FakeResolver"]


class FakeResolver(AbstractResolver):
    """Names that are not in ``names`` do not exist; a name in ``failing`` can't be looked up for now."""

    def __init__(self, **names: str | Sequence[str]) -> None:
        self.names: dict[str, tuple[str, ...]] = {}
        """Addresses by name; :meth:`add` takes names that are no Python identifiers."""
        self.failing: set[str] = set()
        self.asked: list[str] = []
        """Every name that was looked up, in order."""
        for name, addresses in names.items():
            self.add(name, *([addresses] if isinstance(addresses, str) else addresses))

    def add(self, name: str, *addresses: str) -> None:
        """Give a name its addresses, in place of those it had; none takes the name away."""
        for one in addresses:
            ipaddress.ip_address(one)
        if addresses:
            self.names[name.lower()] = addresses
        else:
            self.names.pop(name.lower(), None)

    def lookup(self, name: str) -> tuple[str, ...]:
        """The addresses of a name. Raises ``socket.gaierror`` as ``getaddrinfo`` does."""
        key = name.lower().removesuffix(".")
        self.asked.append(key)
        if key in self.failing:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        if key not in self.names:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return self.names[key]

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """For aiohttp. Raises ``OSError`` where there is no address of the family."""
        found = [
            ResolveResult(hostname=host, host=one, port=port, family=_family(one), proto=0, flags=socket.AI_NUMERICHOST)
            for one in self.lookup(host)
            if family in {socket.AF_UNSPEC, _family(one)}
        ]
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return found

    async def close(self) -> None:
        """Nothing to close."""


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET
