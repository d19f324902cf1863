"""Reads a list that comes in pages, whole or not at all.

A list may change while it is read: then something can be missing that was there all the time. So the pages must agree
about how many objects there are, and together hold as many; otherwise all of them are thrown away and asked for again.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from narthex.errors import DiscoveryError
from narthex.http.client import Answer, HttpClient
from narthex.kinds import BuildContext
from narthex_netbox import NetboxConfig

PATHS: Final = {"device": "/api/dcim/devices/", "virtual_machine": "/api/virtualization/virtual-machines/"}
SECONDS: Final = 30.0
LARGEST: Final = 64 << 20
"""Bytes that a page must stay below."""
MOST_PAGES: Final = 10_000
WAITS: Final = 5
"""How often a page is asked for again because the server wants to be asked less."""
LONGEST_WAIT: Final = 30.0


@dataclass(frozen=True)
class Page:
    """A page as it was answered last. ``tag`` is the name that the server gave it, or empty."""

    count: int
    objects: list[Mapping[str, Any]]
    tag: str


class Pages:
    """The list of one block. Pages that the server names by an ``ETag`` are sent again only when they changed."""

    def __init__(self, config: NetboxConfig, context: BuildContext) -> None:
        self._config = config
        self._clock = context.clock
        self._known: dict[int, Page] = {}

    async def read(self, client: HttpClient) -> list[Mapping[str, Any]]:
        """All objects. Raises ``DiscoveryError`` where a single page cannot be had."""
        pages: dict[int, Page] = {}
        objects: list[Mapping[str, Any]] = []
        while not pages or len(objects) < self._count(pages):
            if len(pages) == MOST_PAGES:
                raise DiscoveryError(f"more than {MOST_PAGES} pages; narrow the filters, or enlarge page_size")
            offset = len(objects)  # a server may make pages smaller than they were asked for
            page = await self._page(client, offset)
            if not page.objects and page.count > offset:
                raise DiscoveryError(f"the page at {offset} is empty, though there are {page.count} objects")
            pages[offset] = page
            objects += page.objects
        if len(objects) != self._count(pages) or len({one["id"] for one in objects}) != len(objects):
            raise DiscoveryError("the list changed while it was read")
        self._known = {offset: page for offset, page in pages.items() if page.tag}
        return objects

    @staticmethod
    def _count(pages: Mapping[int, Page]) -> int:
        """How many objects there are, as all pages say."""
        counts = {page.count for page in pages.values()}
        if len(counts) != 1:
            raise DiscoveryError("the list changed while it was read")
        return counts.pop()

    async def _page(self, client: HttpClient, offset: int) -> Page:
        known = self._known.get(offset)
        answer = await self._answer(client, offset, known.tag if known else "")
        if known and answer.status == 304:
            return known
        if answer.status in {401, 403}:
            raise DiscoveryError(f"{self._config.url.masked}: the token is refused (status {answer.status})")
        if answer.status != 200:
            raise DiscoveryError(f"{self._config.url.masked}: status {answer.status}")
        return await asyncio.to_thread(_parsed, answer)  # a page of 500 devices is about a megabyte

    async def _answer(self, client: HttpClient, offset: int, tag: str) -> Answer:
        """The answer for a page, after waiting as often and as long as the server wants it, within bounds."""
        headers = {"Accept": "application/json", **({"If-None-Match": tag} if tag else {})}
        for waited in range(WAITS + 1):
            answer = await client.request("GET", self._url(offset), seconds=SECONDS, headers=headers, limit=LARGEST)
            if answer.status not in {429, 503} or "Retry-After" not in answer.headers or waited == WAITS:
                break
            await self._clock.sleep(_seconds(answer.headers["Retry-After"]))
        return answer

    def _url(self, offset: int) -> str:
        """Not the ``next`` of the page before: behind a proxy it may name a host that must not see the token."""
        query = {**self._config.filters, "limit": str(int(self._config.page_size)), "offset": str(offset)}
        return f"{self._config.url.rstrip('/')}{PATHS[self._config.role]}?{urlencode(query)}"


def _parsed(answer: Answer) -> Page:
    try:
        document = json.loads(answer.body)
        objects = document["results"]
        if not all(isinstance(one["id"], int) for one in objects):
            raise TypeError("an object without a number as its id")
        return Page(int(document["count"]), objects, answer.headers.get("ETag", ""))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DiscoveryError(f"a page cannot be used: {type(error).__name__}: {error}") from error


def _seconds(text: str) -> float:
    """``Retry-After`` in seconds, within bounds; a date counts as a second: the next answer will tell."""
    return min(float(text), LONGEST_WAIT) if text.strip().isascii() and text.strip().isdigit() else 1.0
