"""Which sockets zeroconf is to open: for version 4 one for each address, for version 6 one for each interface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from narthex_sd.mdns.config import IpVersion

__all__ = ["Adapter", "chosen", "installed"]


class Ip(Protocol):
    """An address, as the ``ifaddr`` package gives it: text for version 4, a tuple beginning with text for version 6."""

    @property
    def ip(self) -> str | tuple[str, int, int]:
        """The address."""


class Adapter(Protocol):
    """A network interface, as the ``ifaddr`` package gives it."""

    @property
    def name(self) -> str:
        """Its name, such as ``eth0``."""

    @property
    def index(self) -> int | None:
        """Its number."""

    @property
    def ips(self) -> Sequence[Ip]:
        """Its addresses."""


def installed() -> list[Adapter]:
    """The machine's interfaces at this moment."""
    import ifaddr

    return list(ifaddr.get_adapters())


def chosen(adapters: Sequence[Adapter], wanted: Sequence[str], ip_version: IpVersion) -> list[str | int]:
    """Addresses of version 4 and numbers of interfaces for version 6, as zeroconf takes them.

    ``wanted`` are names or addresses of interfaces; nothing means all. A name that is not there (yet) gives nothing.
    Neither does ``::1``: Linux delivers no multicast of version 6 on loopback, and refuses to send it.
    """
    found: list[str | int] = []
    for adapter in adapters:
        whole = not wanted or adapter.name in wanted
        four = [ip.ip for ip in adapter.ips if isinstance(ip.ip, str) and (whole or ip.ip in wanted)]
        six = [ip.ip[0] for ip in adapter.ips if isinstance(ip.ip, tuple) and (whole or ip.ip[0] in wanted)]
        if ip_version != "v6":
            found += four
        if ip_version != "v4" and set(six) - {"::1"} and adapter.index is not None:
            found.append(adapter.index)
    return found
