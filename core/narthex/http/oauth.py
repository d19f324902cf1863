"""OAuth 2.0 tokens by the client-credentials grant (RFC 6749 §4.4), kept until shortly before they expire."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from urllib.parse import quote_plus, urlencode

from narthex.clock import Clock
from narthex.config.http import OAuth2
from narthex.http.credentials import read_secret
from narthex.http.errors import HttpError

__all__ = ["TokenSource", "require_supported"]

_EARLY = 10.0
"""Seconds before its end from which on a token is not used any more."""

Post = Callable[[str, dict[str, str], bytes], Awaitable[tuple[int, bytes]]]


def require_supported(config: OAuth2) -> None:
    """Raises ``HttpError`` for a grant that is not implemented."""
    if config.grant_type != "client_credentials":
        raise HttpError(f"oauth2 grant_type {config.grant_type!r} is not implemented")


class TokenSource:
    """Gives the current token. ``post`` sends the request to the token endpoint."""

    def __init__(self, config: OAuth2, post: Post, clock: Clock) -> None:
        self._config = config
        self._post = post
        self._clock = clock
        self._secret = ""
        self._header = ""
        self._until = 0.0

    async def header(self) -> str:
        """The value for ``Authorization``. Raises ``HttpError`` when there is no token to be had."""
        secret = read_secret(self._config.client_secret, self._config.client_secret_file)
        if not self._header or secret != self._secret or self._clock.monotonic() >= self._until:
            await self._fetch(secret)
        return self._header

    async def _fetch(self, secret: str) -> None:
        config = self._config
        form = {"grant_type": config.grant_type, **config.endpoint_params}
        if config.scopes:
            form["scope"] = " ".join(config.scopes)
        pair = f"{quote_plus(config.client_id)}:{quote_plus(secret)}"
        headers = {
            "Authorization": "Basic " + base64.b64encode(pair.encode()).decode(),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        status, body = await self._post(str(config.token_url), headers, urlencode(form).encode())
        if status in {400, 401}:  # servers that want the client in the form, not in a header
            del headers["Authorization"]
            form |= {"client_id": config.client_id, "client_secret": secret}
            status, body = await self._post(str(config.token_url), headers, urlencode(form).encode())
        if status != 200:
            raise HttpError(f"oauth2: token endpoint answered {status}")
        self._keep(secret, body)

    def _keep(self, secret: str, body: bytes) -> None:
        try:
            answer = json.loads(body)
            token, kind = answer["access_token"], answer.get("token_type") or "Bearer"
            lifetime = float(answer.get("expires_in") or 0)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise HttpError("oauth2: token endpoint gave no token") from None
        self._secret = secret
        self._header = f"{'Bearer' if kind.lower() == 'bearer' else kind} {token}"
        self._until = self._clock.monotonic() + lifetime - _EARLY if lifetime else float("inf")
