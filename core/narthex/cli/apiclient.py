"""Asks the HTTP API of Narthex or Prometheus, with the standard library: one request, no event loop, a quick start."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, unquote, urlencode, urlsplit, urlunsplit
from urllib.request import Request, urlopen

from narthex.errors import QueryError, UsageError

__all__ = ["Answer", "Server"]

Form = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """The ``data`` of a successful answer, and what the server remarked."""

    data: Any
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Server:
    """A server's address. ``headers`` go with every request; ``timeout`` is in seconds."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 130.0

    @classmethod
    def at(cls, url: str, headers: Mapping[str, str], timeout: float) -> Server:
        """Read an address; user and password in it become basic authentication. Raises ``UsageError``."""
        try:
            parts = urlsplit(url)
            port = parts.port  # raises for what is no port
        except ValueError as error:
            raise UsageError(f"{url!r} is not a URL: {error}") from None
        if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
            raise UsageError(f"{url!r} is not a URL such as http://127.0.0.1:9090")
        host = parts.netloc.rpartition("@")[2]
        sent = dict(headers)
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            sent["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        return cls(urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", "")), sent, timeout)

    def post(self, endpoint: str, form: Form) -> Answer:
        """Ask with a form in the body, so that no expression is too long. Raises ``QueryError``."""
        return self._ask(Request(f"{self.url}/api/v1/{endpoint}", urlencode(form).encode()))  # noqa: S310 - checked by at()

    def get(self, endpoint: str, form: Form) -> Answer:
        """Ask with the form in the URL, for endpoints that do not take a body. Raises ``QueryError``."""
        query = f"?{urlencode(form)}" if form else ""
        return self._ask(Request(f"{self.url}/api/v1/{quote(endpoint)}{query}"))  # noqa: S310 - checked by at()

    def _ask(self, request: Request) -> Answer:
        for name, value in self.headers.items():
            request.add_header(name, value)
        try:
            with urlopen(request, timeout=self.timeout) as response:  # noqa: S310 - checked by at()
                return _answer(response.read(), f"HTTP {response.status}", self.url)
        except HTTPError as error:  # the API tells the reason in the body
            with error:
                return _answer(error.read(), f"HTTP {error.code} {error.reason}", self.url)
        except URLError as error:
            raise QueryError(f"cannot reach {self.url}: {error.reason}") from error
        except (OSError, HTTPException) as error:
            raise QueryError(f"no answer from {self.url}: {error}") from error


def _answer(body: bytes, status: str, url: str) -> Answer:
    try:
        envelope = json.loads(body)
        state = envelope["status"]
    except (ValueError, TypeError, KeyError):
        raise QueryError(f"{url} does not answer as Prometheus's API does ({status})") from None
    if state != "success":
        raise QueryError(f"{envelope.get('errorType', status)}: {envelope.get('error', 'no reason given')}")
    return Answer(envelope.get("data"), (*envelope.get("warnings", ()), *envelope.get("infos", ())))
