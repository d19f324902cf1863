import asyncio
import contextlib

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from tests.e2e.servers import free_port


class NameServer(asyncio.DatagramProtocol):
    """A name server on loopback, UDP and TCP. ``answer(query, tcp)`` gives the message, bytes, or None for silence."""

    def __init__(self):
        self.asked = []
        self.answer = lambda query, tcp: reply(query)
        self.address = ""
        self._transport = None
        self._streams = None

    async def start(self):
        port = free_port()  # one that is free for both: no connection or look-up takes its own from there
        self._streams = await asyncio.start_server(self._stream, "127.0.0.1", port)
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", port))
        self.address = f"127.0.0.1:{port}"

    async def stop(self):
        self._transport.close()
        self._streams.close()
        await self._streams.wait_closed()

    def _respond(self, wire, *, tcp):
        query = dns.message.from_wire(wire)
        self.asked.append((query, tcp))
        found = self.answer(query, tcp)
        return found.to_wire() if isinstance(found, dns.message.Message) else found

    def datagram_received(self, data, addr):
        found = self._respond(data, tcp=False)
        if found is not None:
            self._transport.sendto(found, addr)

    async def _stream(self, reader, writer):
        size = int.from_bytes(await reader.readexactly(2), "big")
        found = self._respond(await reader.readexactly(size), tcp=True)
        if found is not None:
            writer.write(len(found).to_bytes(2, "big") + found)
            with contextlib.suppress(OSError):
                await writer.drain()
        writer.close()

    @property
    def names(self):
        """The names it was asked for, in order."""
        return [query.question[0].name.to_text() for query, _ in self.asked]


def reply(query, *records, code="NOERROR", truncated=False):
    """An answer that holds ``(type, text)`` records under the name that was asked for."""
    message = dns.message.make_response(query)
    message.set_rcode(dns.rcode.from_text(code))
    for kind, text in records:
        message.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", kind, text))
    if truncated:
        message.flags |= dns.flags.TC
    return message


@pytest.fixture
async def server():
    """Starts name servers; all stop at the end."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(answer=None):
            one = NameServer()
            await one.start()
            stack.push_async_callback(one.stop)
            one.answer = answer or one.answer
            return one

        start.reply = reply
        yield start
