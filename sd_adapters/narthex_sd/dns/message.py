"""Questions and answers between our terms and the wire's; dnspython knows the wire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import dns.exception  # noqa: TID253 -- this module is imported when a block of the kind is built
import dns.message  # noqa: TID253
import dns.rcode  # noqa: TID253
import dns.rdatatype  # noqa: TID253

from narthex.errors import DiscoveryError
from narthex_sd.dns.labels import Record

__all__ = ["PAYLOAD", "Question", "Reply", "is_truncated"]

PAYLOAD = 1232
"""Bytes that we take in a datagram: what passes everywhere without being cut in pieces."""


_TC = 0x02
"""The flag in the header's third byte that says that the answer was cut off."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer. ``code`` is its RCODE's name, ``others`` the types that were not asked for."""

    code: str
    records: tuple[Record, ...] = ()
    others: tuple[str, ...] = ()


def is_truncated(wire: bytes) -> bool:
    """Whether there is more than these bytes, which then need not be readable."""
    return bool(wire[2] & _TC)


class Question:
    """A question for the records of a full name. Raises ``DiscoveryError`` for what can be no name."""

    def __init__(self, name: str, kind: str) -> None:
        try:
            self._query = dns.message.make_query(name, kind)
        except (dns.exception.DNSException, UnicodeError, ValueError) as error:
            raise DiscoveryError(f"{name!r} is no DNS name: {error}") from None
        self._kind = kind

    def wire(self, *, edns: bool) -> bytes:
        """The bytes to send; with EDNS they ask for larger datagrams."""
        self._query.use_edns(0 if edns else False, payload=PAYLOAD)
        return self._query.to_wire()

    def read(self, wire: bytes) -> Reply:
        """The answer in these bytes. Raises ``DiscoveryError`` for what is no answer to this question.

        Takes about 0.1 ms for each record: large ones are to be read beside the event loop.
        """
        try:
            message = dns.message.from_wire(wire, ignore_trailing=True)
        except (dns.exception.DNSException, ValueError) as error:
            raise DiscoveryError(f"the answer is malformed: {error or type(error).__name__}") from None
        code = dns.rcode.to_text(message.rcode())
        if not self._query.is_response(message):
            raise DiscoveryError("the answer belongs to another question")
        sets = [(dns.rdatatype.to_text(one.rdtype), one) for one in message.answer]
        records = tuple(_record(self._kind, data) for kind, one in sets if kind == self._kind for data in one)
        return Reply(code, records, tuple(kind for kind, _ in sets if kind not in {self._kind, "CNAME"}))


def _record(kind: str, data: Any) -> Record:
    if kind == "SRV":
        return Record(kind, data.target.to_text(), data.port)
    if kind == "MX":
        return Record(kind, data.exchange.to_text())
    return Record(kind, data.target.to_text() if kind == "NS" else data.address)
