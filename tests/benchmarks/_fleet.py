"""A fleet of fake targets behind one port, cheap enough not to disturb what is measured.

Every body is rendered before the first request. A target answers with the next version of its body each time, so that
counters rise and a known share of the values changes between two scrapes.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from typing import ClassVar

FAMILY = 20
VERSIONS = 40


def body(version: int, series: int, changing: float) -> bytes:
    """One exposition: counters in families of twenty, the first of each family rising with ``version``."""
    lines = []
    for family in range(series // FAMILY):
        name = f"fleet_events_{family}_total"
        lines.append(f"# HELP {name} Events of kind {family}.\n# TYPE {name} counter")
        for member in range(FAMILY):
            moving = member < FAMILY * changing
            value = 500 * family + member + (version * (member + 1) * 2.25 if moving else 0)
            lines.append(f'{name}{{queue="{member}",zone="z{member % 3}",kind="worker"}} {value:g}')
    return ("\n".join(lines) + "\n").encode()


class Fleet(asyncio.Protocol):
    """One keep-alive connection; ``/target/<n>`` is scraped, ``/served`` tells how many bodies went out."""

    answers: tuple[bytes, ...] = ()
    visits: ClassVar[Counter[bytes]] = Counter()
    served = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self._received += data
        *requests, self._received = self._received.split(b"\r\n\r\n")
        for request in requests:
            path = request.split(b" ", 2)[1]
            if path == b"/served":
                self._transport.write(_answer(b"%d" % Fleet.served))
            else:
                Fleet.served += 1
                self._transport.write(Fleet.answers[Fleet.visits[path] % VERSIONS])
                Fleet.visits[path] += 1


def _answer(content: bytes) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: %d\r\n\r\n" % len(content)
        + content
    )


async def serve(port: int, series: int) -> None:
    """Serve until cancelled."""
    Fleet.answers = tuple(_answer(body(version, series, 0.4)) for version in range(VERSIONS))
    server = await asyncio.get_running_loop().create_server(Fleet, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
