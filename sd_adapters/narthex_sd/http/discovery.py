"""Asks a URL again and again.

A server that names its answer (``ETag``, ``Last-Modified``) is asked whether it still stands, so an unchanged list of
many thousand targets costs a few hundred bytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from narthex.discovery.metrics import shared
from narthex.discovery.refresh import refresh
from narthex.discovery.skipping import Skipping
from narthex.http.client import Answer, HttpClient
from narthex.kinds import BuildContext, Discoverer, Publish
from narthex.model.targetgroup import TargetGroup
from narthex_sd.http.config import HttpDiscoveryConfig
from narthex_sd.http.labels import groups_of, require_usable
from narthex_sd.http.metrics import HttpMetrics

__all__ = ["HttpDiscoverer"]

_SMALL = 32 * 1024
"""Bytes that are parsed faster (about 1 ms) than handed to a thread without being missed on the event loop."""


@dataclass(frozen=True, slots=True)
class _Last:
    """The last good answer: its groups, and the headers that ask whether it still stands."""

    groups: tuple[TargetGroup, ...] = ()
    conditions: Mapping[str, str] = field(default_factory=dict)


class HttpDiscoverer:
    """One ``http_sd_configs`` block."""

    def __init__(self, config: HttpDiscoveryConfig, context: BuildContext) -> None:
        self._config = config
        self._context = context
        self._failures = shared(HttpMetrics, context.registry).failures
        self._skipping = Skipping(context)
        self._last = _Last()  # outlives a run: after a failure the answer before it may still stand
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "X-Prometheus-Refresh-Interval-Seconds": _decimal(config.refresh_interval),
        }

    async def run(self, publish: Publish) -> None:
        """Ask until cancelled, or until an answer cannot be used."""
        client = HttpClient(self._config.http, self._context.clock)
        try:
            await refresh(self._config.refresh_interval, lambda: self._fetch(client), self._context).run(publish)
        finally:
            await client.close()

    async def _fetch(self, client: HttpClient) -> tuple[TargetGroup, ...]:
        try:
            return await self._ask(client)
        except Exception:
            self._failures.inc()
            raise

    async def _ask(self, client: HttpClient) -> tuple[TargetGroup, ...]:
        config, last = self._config, self._last
        answer = await client.request(
            "GET",
            config.url,
            seconds=config.refresh_interval.seconds,
            headers={**self._headers, **last.conditions},
            limit=int(config.body_size_limit),
        )
        if answer.status == 304 and last.conditions:
            return last.groups
        require_usable(answer)
        groups = await self._read(answer.body)
        self._last = _Last(groups, _conditions(answer))
        return groups

    async def _read(self, body: bytes) -> tuple[TargetGroup, ...]:
        skipped, url = self._skipping.begin(), self._config.url
        if len(body) <= _SMALL:
            groups = groups_of(body, url, skipped)
        else:
            groups = await asyncio.to_thread(groups_of, body, url, skipped)
        self._skipping.end(url.masked, skipped)
        return groups


def _conditions(answer: Answer) -> dict[str, str]:
    """What makes the next request conditional (RFC 9110 §13.1); empty where the answer has no name."""
    names = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}
    return {ask: answer.headers[name] for name, ask in names.items() if name in answer.headers}


def _decimal(milliseconds: int) -> str:
    """Seconds without an exponent and without zeros at the end, as Go prints them."""
    return f"{milliseconds / 1000:.3f}".rstrip("0").rstrip(".")


_: type[Discoverer] = HttpDiscoverer
