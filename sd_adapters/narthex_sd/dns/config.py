"""What ``dns_sd_configs`` takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from narthex.config.types import Duration
from narthex_sd.dns.resolvconf import endpoint

__all__ = ["DnsConfig", "RecordType"]

_TYPES = ("SRV", "A", "AAAA", "MX", "NS")


class RecordType(str):
    """A type of DNS records that can name targets, in capitals."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the type in any case. Raises ``ValueError`` saying what was expected."""
        if text.upper() not in _TYPES:
            raise ValueError(f"expected one of {', '.join(_TYPES)}, got {text!r}")
        return cls(text.upper())


_SRV = RecordType("SRV")


@dataclass(frozen=True, slots=True)
class DnsConfig:
    """Asks for the records of ``names`` every ``refresh_interval``; their time to live plays no part.

    SRV records bring the port along; for all others ``port`` is required. ``nameservers`` are IP addresses, each with
    a port if it is not 53, that are asked instead of those in ``/etc/resolv.conf``; Prometheus knows no such option.
    """

    names: tuple[str, ...]
    type: RecordType = _SRV
    port: int = 0
    refresh_interval: Duration = Duration(30_000)
    nameservers: tuple[str, ...] = ()

    def check(self) -> Iterator[tuple[str, str]]:
        """Rules within and across fields."""
        if not self.names or not all(self.names):
            yield "names", "DNS-SD config must contain at least one SRV record name, and none may be empty"
        if self.port == 0 and self.type != "SRV":
            yield "port", "a port is required in DNS-SD configs for all record types except SRV"
        if not 0 <= self.port <= 65535:
            yield "port", f"expected a port below 65536, got {self.port}"
        if self.refresh_interval == 0:
            yield "refresh_interval", "refresh_interval must not be 0"
        for text in self.nameservers:
            try:
                endpoint(text)
            except ValueError as error:
                yield "nameservers", str(error)
