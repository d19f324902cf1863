"""Listening on every ``--web.listen-address``, from before the storage recovers, so that ``/-/ready`` can say so."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from narthex.errors import NarthexError
from narthex.options import ListenAddress

__all__ = ["ListenError", "Listener"]

SHUTDOWN_SECONDS = 3.0


class ListenError(NarthexError):
    """An address cannot be bound."""


class Listener:
    """The running web server of one application."""

    def __init__(self, app: web.Application) -> None:
        # handler_cancellation: a query whose client has gone away is cancelled
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)

    async def start(self, addresses: Sequence[ListenAddress]) -> list[str]:
        """Bind every address; returns them as ``host:port`` with real ports. Raises ``ListenError``."""
        await self._runner.setup()
        for address in addresses:
            site = web.TCPSite(self._runner, address.host or None, address.port, backlog=512)
            try:
                await site.start()
            except OSError as error:
                raise ListenError(f"cannot listen on {address}: {error.strerror or error}") from error
        return [f"{host}:{port}" for host, port, *_ in self._runner.addresses]

    async def stop(self) -> None:
        """Stop accepting, and finish what runs within a deadline."""
        await self._runner.cleanup()
