"""The client's own way of doing a GET, against servers that answer byte by byte as they are told."""

import asyncio
import contextlib

import pytest
import uvloop
from tests.waiting import PATIENCE

from narthex.clock import SystemClock
from narthex.config.http import HttpConfig
from narthex.http.client import make_session
from narthex.http.connections import Connections
from narthex.http.errors import BodyLimitError, HttpError

OK = b"HTTP/1.1 200 OK\r\n"
SHORT = OK + b"Content-Length: 2\r\n\r\nhi"


class Raw:
    """Answers the requests of all connections with ``answers``, in turn; ``close`` after which of them."""

    def __init__(self, *answers, close=()):
        self.answers = list(answers)
        self.close = set(close)
        self.requests = []
        self.connections = 0
        self.ended = asyncio.Event()
        self._handlers = set()

    async def handle(self, reader, writer):
        self.connections += 1
        self._handlers.add(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                self.requests.append(await reader.readuntil(b"\r\n\r\n"))
                turn = len(self.requests) - 1
                for piece in self.answers[turn] if isinstance(self.answers[turn], tuple) else (self.answers[turn],):
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
                if turn in self.close:
                    break
        writer.close()
        self.ended.set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self.handle, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/metrics?a=b"
        self.client = make_session(HttpConfig(), SystemClock())
        return self

    async def __aexit__(self, *_):
        await self.client.close()
        self._server.close()
        await asyncio.gather(*self._handlers)  # the client has closed all connections

    async def get(self, **options):
        return await self.client.request("GET", self.url, seconds=PATIENCE, **options)


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (SHORT, b"hi"),
        ((OK, b"Content-Le", b"ngth: 2\r\n\r", b"\nh", b"i"), b"hi"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2;x=y\r\nhi\r\n1\r\n!\r\n0\r\nTrailer: t\r\n\r\n", b"hi!"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + SHORT, b"hi"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", b""),
    ],
)
async def test_answers_of_every_framing_leave_the_connection_open(answer, body):
    async with Raw(answer, SHORT) as server:
        assert (await server.get()).body == body
        assert (await server.get()).body == b"hi"
        assert server.connections == 1


def test_it_works_on_uvloop_too():
    async def go():
        async with Raw(SHORT, SHORT) as server:
            assert [(await server.get()).body for _ in range(2)] == [b"hi", b"hi"]
            assert server.connections == 1

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(go())


async def test_an_answer_without_a_length_goes_to_the_end_of_the_connection():
    async with Raw((OK + b"\r\n", b"one ", b"two"), SHORT, close=[0]) as server:
        assert (await server.get()).body == b"one two"
        assert (await server.get()).body == b"hi"
        assert server.connections == 2


@pytest.mark.parametrize(
    "answer",
    [SHORT.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), SHORT + SHORT, SHORT.replace(b"1.1", b"1.0")],
)
async def test_a_connection_that_is_not_to_be_used_again_is_closed(answer):
    async with Raw(answer, SHORT) as server:
        assert (await server.get()).body == b"hi"
        await server.ended.wait()
        assert (await server.get()).body == b"hi"
        assert server.connections == 2


async def test_a_kept_connection_that_went_is_replaced_without_a_word():
    async with Raw(SHORT, b"", SHORT, close=[1]) as server:
        assert (await server.get()).body == b"hi"
        assert (await server.get()).body == b"hi"
        assert (server.connections, len(server.requests)) == (2, 3)


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (b"", "disconnected"),
        (SHORT[:-1], "in the middle"),
        (OK + b"Content-Le", "in the middle"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", "in the middle"),
        (b"what?\r\n\r\n", "malformed"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", "malformed"),
        (b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", "malformed"),
    ],
)
async def test_an_answer_that_is_none_is_an_http_error(answer, what):
    async with Raw(answer, close=[0]) as server:
        with pytest.raises(HttpError, match=what):
            await server.get()
        assert len(server.requests) == 1


@pytest.mark.parametrize("length", [b"Content-Length: 3000000", b"Transfer-Encoding: chunked"])
async def test_reading_stops_at_the_limit(length):
    async with Raw((OK + length + b"\r\n\r\n", b"1000\r\n" + b"x" * 4096, b"x" * 9)) as server:
        with pytest.raises(BodyLimitError):
            await server.get(limit=1000)
        await server.ended.wait()


async def test_the_body_of_a_redirect_counts_for_no_limit():
    moved = b"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 2000\r\n\r\n" + b"x" * 2000
    async with Raw(moved, SHORT) as server:
        assert (await server.get(limit=1000)).body == b"hi"
        assert server.requests[1].startswith(b"GET /other HTTP/1.1\r\n")
        assert server.connections == 1


async def test_what_is_sent():
    async with Raw(SHORT) as server:
        await server.get(headers={"Accept": "x/y"})
        lines = server.requests[0].decode().split("\r\n")
        assert lines[0] == "GET /metrics?a=b HTTP/1.1"
        names = [line.partition(":")[0] for line in lines[1:-2]]
        assert sorted(names) == ["Accept", "Accept-Encoding", "Host", "User-Agent"]
        assert "Accept: x/y" in lines


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\0"])
async def test_a_header_that_breaks_its_line_is_not_sent(value):
    async with Raw(SHORT) as server:
        with pytest.raises(HttpError, match="cannot be sent"):
            await server.get(headers={"X-A": value})
        assert server.connections == 0


async def test_a_request_that_takes_too_long_closes_its_connection():
    async with Raw(OK + b"Content-Length: 5\r\n\r\nhi") as server:
        with pytest.raises(HttpError, match="deadline"):
            await server.client.request("GET", server.url, seconds=0.3)
        await server.ended.wait()


async def test_what_nobody_asked_for_closes_an_idle_connection():
    async with Raw((SHORT, b"more"), SHORT) as server:
        assert (await server.get()).body == b"hi"
        await server.ended.wait()
        assert (await server.get()).body == b"hi"
        assert server.connections == 2


async def test_idle_connections_are_closed_in_time():
    async with Raw(SHORT) as server:
        server.client._connections = Connections(keep=0.02)
        await server.get()
        await server.ended.wait()


async def test_closing_the_client_closes_idle_connections():
    async with Raw(SHORT) as server:
        await server.get()
        await server.client.close()
        await server.ended.wait()
