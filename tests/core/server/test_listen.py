"""Binding addresses."""

from __future__ import annotations

import aiohttp
import pytest
from aiohttp import web

from narthex.options import ListenAddress
from narthex.server.listen import Listener, ListenError

ANY = ListenAddress("127.0.0.1", 0)


def app() -> web.Application:
    async def hello(_request: web.Request) -> web.Response:
        return web.Response(text="hello")

    application = web.Application()
    application.router.add_get("/", hello)
    return application


async def test_every_address_is_served_and_told_with_its_real_port() -> None:
    listener = Listener(app())
    try:
        addresses = await listener.start([ANY, ANY])
        assert len(set(addresses)) == 2
        async with aiohttp.ClientSession() as session:
            for address in addresses:
                assert await (await session.get(f"http://{address}/")).text() == "hello"
    finally:
        await listener.stop()


async def test_an_address_in_use_is_one_line_that_names_it() -> None:
    first, second = Listener(app()), Listener(app())
    try:
        (address,) = await first.start([ANY])
        with pytest.raises(ListenError) as caught:
            await second.start([ListenAddress.parse(address)])
        assert str(caught.value).startswith(f"cannot listen on {address}: ")
        assert "\n" not in str(caught.value)
    finally:
        await second.stop()
        await first.stop()


async def test_a_host_that_is_none_of_ours_is_refused() -> None:
    listener = Listener(app())
    with pytest.raises(ListenError, match=r"cannot listen on 192\.0\.2\.1:0"):
        await listener.start([ListenAddress("192.0.2.1", 0)])
    await listener.stop()
