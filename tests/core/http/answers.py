"""What servers of these tests answer, and the plainest client."""

import base64

from aiohttp import web

from narthex.config.http import HttpConfig

PLAIN = HttpConfig()


def answering(text="ok", **options):
    async def handle(_request):
        return web.Response(text=text, **options)

    return handle


def redirecting(location, status=302):
    async def handle(_request):
        return web.Response(status=status, headers={"Location": location})

    return handle


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
