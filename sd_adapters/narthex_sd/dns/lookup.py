"""The records of one name: which servers and full names are asked, and which answers decide (reference §2.3).

An answer is NOERROR, even without records, or NXDOMAIN. Anything else, silence included, sends the question to the next
server. Only when every full name that was tried does not exist is it certain that there are no records; when one of
them got no answer, nothing is known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from narthex.errors import DiscoveryError
from narthex_sd.dns.exchange import over_tcp, over_udp
from narthex_sd.dns.labels import Record
from narthex_sd.dns.message import PAYLOAD, Question, Reply, is_truncated
from narthex_sd.dns.resolvconf import Endpoint, Settings, candidates, endpoint, parse

__all__ = ["Found", "Lookup", "Resolver"]


@dataclass(frozen=True, slots=True)
class Found:
    """The records of a name, and the types of others that came along unasked."""

    records: tuple[Record, ...] = ()
    others: tuple[str, ...] = ()


Lookup = Callable[[str, str], Awaitable[Found]]
"""Takes a name as configured and a record type. Raises ``DiscoveryError`` where it is not known what there is."""


class Resolver:
    """Asks the machine's name servers, or ``nameservers``, each ``address`` or ``address:port``."""

    def __init__(self, nameservers: Sequence[str] = (), file: str = "/etc/resolv.conf") -> None:
        self._servers = tuple(map(endpoint, nameservers))
        self._file = Path(file)

    async def lookup(self, name: str, kind: str) -> Found:
        """A :data:`Lookup`. The file is read each time: machines move between networks."""
        settings = self._settings()
        failure: DiscoveryError | None = None
        for full in candidates(name, settings):
            try:
                reply = await _first_answer(full, kind, settings)
            except DiscoveryError as error:
                failure = error
                continue
            if reply.code == "NOERROR":
                return Found(reply.records, reply.others)
        if failure is not None:
            raise failure
        return Found()

    def _settings(self) -> Settings:
        try:
            settings = parse(self._file.read_text(encoding="utf-8", errors="replace"))
        except OSError as error:
            if not self._servers:
                raise DiscoveryError(f"cannot read {self._file}: {error}") from None
            settings = Settings()
        settings = replace(settings, servers=self._servers or settings.servers)
        if not settings.servers:
            raise DiscoveryError(f"{self._file} names no name server")
        return settings


async def _first_answer(name: str, kind: str, settings: Settings) -> Reply:
    """The first NOERROR or NXDOMAIN. Raises ``DiscoveryError`` with what each server did instead."""
    reasons = []
    for server in settings.servers:
        try:
            async with asyncio.timeout(settings.timeout):
                reply = await _ask(Question(name, kind), server)
            if reply.code in {"NOERROR", "NXDOMAIN"}:
                return reply
            reasons.append(f"{_spelled(server)} answered {reply.code}")
        except TimeoutError:
            reasons.append(f"{_spelled(server)} gave no answer within {settings.timeout:g}s")
        except (OSError, EOFError, DiscoveryError) as error:
            reasons.append(f"{_spelled(server)}: {str(error) or type(error).__name__}")
    raise DiscoveryError(f"{kind} records of {name}: {'; '.join(reasons)}")


async def _ask(question: Question, server: Endpoint) -> Reply:
    """Over UDP, and if that is too narrow for the answer, over TCP."""
    wire = await over_udp(server, question.wire(edns=True))
    if is_truncated(wire):
        wire = await over_tcp(server, question.wire(edns=False))
    if len(wire) <= PAYLOAD:
        return question.read(wire)
    return await asyncio.to_thread(question.read, wire)


def _spelled(server: Endpoint) -> str:
    host, port = server
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
