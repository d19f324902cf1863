"""What ``consul_sd_configs`` takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from narthex.config.http import BasicAuth, HttpConfig
from narthex.config.types import Duration, FilePath, Secret, inline

__all__ = ["ConsulConfig"]

_SCHEMES = ("http", "https", "unix")


@dataclass(frozen=True, slots=True)
class ConsulConfig:
    """Where Consul answers, and which of its services are wanted.

    ``server`` is ``host:port``; ``http://``, ``https://`` or ``unix://`` may stand before it. ``services`` empty means
    all of them. ``tags`` must all be on a service; ``node_meta`` on its node. ``filter`` is an expression for Consul's
    catalog, ``health_filter`` one for its health endpoint. ``datacenter`` left out is the agent's own;
    ``allow_stale`` lets any server answer, not the leader alone. ``tag_separator`` stands between tags in a label.
    ``refresh_interval`` is the least time between two queries of one service on average (up to thirty may follow each
    other a second apart), not a period: Consul tells changes as they happen. ``token_file`` is read for every request;
    no environment variable is asked. ``username`` and ``password`` are older spellings of ``basic_auth``.
    """

    server: str = "localhost:8500"
    path_prefix: str = ""
    token: Secret | None = None
    token_file: FilePath | None = None
    datacenter: str = ""
    namespace: str = ""
    partition: str = ""
    tag_separator: str = ","
    scheme: Literal["http", "https"] = "http"
    username: str = ""
    password: Secret | None = None
    allow_stale: bool = True
    refresh_interval: Duration = Duration(30_000)
    services: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    node_meta: Mapping[str, str] = field(default_factory=dict)
    filter: str = ""
    health_filter: str = ""
    http: HttpConfig = field(default_factory=HttpConfig, metadata=inline())

    def check(self) -> Iterator[tuple[str, str]]:
        """An address without credentials in it, one way to authenticate, a pause between queries."""
        yield from self._check_server()
        if self.token and self.token_file:
            yield "token_file", "at most one of token and token_file may be set"
        if (self.token or self.token_file) and (self.http.authorization or self.http.oauth2):
            yield (
                "token" if self.token else "token_file",
                "at most one of consul SD token, authorization, or oauth2 can be configured",
            )
        if self._has_user and self.http.authenticates:
            if self.http.basic_auth:
                message = (
                    "at most one of consul SD configuration username and password and basic auth can be configured"
                )
            else:
                message = "at most one of username and password, authorization, oauth2 and bearer_token may be set"
            yield "username" if self.username else "password", message
        if self.refresh_interval == 0:
            yield "refresh_interval", "refresh_interval must not be 0"

    def completed(self) -> ConsulConfig:
        """User name and password in their newer spelling."""
        if not self._has_user:
            return self
        http = replace(self.http, basic_auth=BasicAuth(username=self.username, password=self.password))
        return replace(self, http=http, username="", password=None)

    @property
    def _has_user(self) -> bool:
        return bool(self.username or self.password)

    def _check_server(self) -> Iterator[tuple[str, str]]:
        scheme, mark, rest = self.server.rpartition("://")
        if not rest.strip():
            yield "server", "consul SD configuration requires a server address"
        elif mark and scheme not in _SCHEMES:
            yield "server", f"expected one of {', '.join(f'{one}://' for one in _SCHEMES)} or none, got {scheme}://"
        elif scheme == "unix":
            return
        elif "@" in rest:
            yield "server", "credentials do not belong in the address; use basic_auth"
        elif "/" in rest:
            yield "server", "expected host:port; a path belongs in path_prefix"
