"""How to make HTTP requests: credentials, TLS, redirects, proxy, headers. Inlined wherever something is fetched.

The rules across fields are those of Prometheus's ``http_config``: a text or a file, one way to authenticate, key and
certificate together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self, get_args

from narthex.config.types import FilePath, Secret, Url, inline, later

__all__ = [
    "Authorization",
    "BasicAuth",
    "HttpConfig",
    "HttpHeader",
    "OAuth2",
    "ProxyConfig",
    "ProxyUrl",
    "TlsConfig",
    "TlsVersion",
]

TlsVersion = Literal["TLS10", "TLS11", "TLS12", "TLS13"]
Findings = Iterator[tuple[str, str]]

_REFERENCES = later("secrets by reference")
_RESERVED = frozenset(
    {
        "accept-encoding",
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "user-agent",
        "www-authenticate",
        "x-prometheus-remote-read-version",
        "x-prometheus-remote-write-version",
        "x-prometheus-scrape-timeout-seconds",
    }
)
_RESERVED_PREFIXES = ("content-", "proxy-", "x-amz-")


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """User name and password, each as text or from a file that is read for every request."""

    username: str = ""
    username_file: FilePath | None = None
    username_ref: str = field(default="", metadata=_REFERENCES)
    password: Secret | None = None
    password_file: FilePath | None = None
    password_ref: str = field(default="", metadata=_REFERENCES)

    def check(self) -> Findings:
        """Text or file, not both."""
        if self.username and self.username_file:
            yield "username_file", "at most one of username and username_file may be set"
        if self.password and self.password_file:
            yield "password_file", "at most one of password and password_file may be set"


@dataclass(frozen=True, slots=True)
class Authorization:
    """An ``Authorization`` header: a scheme and credentials."""

    type: str = "Bearer"
    credentials: Secret | None = None
    credentials_file: FilePath | None = None
    credentials_ref: str = field(default="", metadata=_REFERENCES)

    def check(self) -> Findings:
        """Text or file; the basic scheme has a section of its own."""
        if self.credentials and self.credentials_file:
            yield "credentials_file", "at most one of credentials and credentials_file may be set"
        if self.type.strip().lower() == "basic":
            yield "type", 'authorization type cannot be "basic"; use basic_auth instead'

    def completed(self) -> Authorization:
        """An empty type is ``Bearer``."""
        return replace(self, type=self.type.strip() or "Bearer")


@dataclass(frozen=True, slots=True)
class TlsConfig:
    """TLS of a client: whom to trust, who to be, which versions. Files are read again when they change."""

    ca: str = ""
    ca_file: FilePath | None = None
    ca_ref: str = field(default="", metadata=_REFERENCES)
    cert: str = ""
    cert_file: FilePath | None = None
    cert_ref: str = field(default="", metadata=_REFERENCES)
    key: Secret | None = None
    key_file: FilePath | None = None
    key_ref: str = field(default="", metadata=_REFERENCES)
    server_name: str = ""
    insecure_skip_verify: bool = False
    min_version: TlsVersion | None = None
    max_version: TlsVersion | None = None

    def check(self) -> Findings:
        """Text or file; certificate and key together; versions in order."""
        for name in ("ca", "cert", "key"):
            if getattr(self, name) and getattr(self, f"{name}_file"):
                yield f"{name}_file", f"at most one of {name} and {name}_file may be set"
        certificate, private = bool(self.cert or self.cert_file), bool(self.key or self.key_file)
        if private and not certificate:
            yield "key_file" if self.key_file else "key", "a client key needs a certificate: set cert or cert_file"
        if certificate and not private:
            yield "cert_file" if self.cert_file else "cert", "a client certificate needs its key: set key or key_file"
        versions = get_args(TlsVersion)
        if (
            self.min_version
            and self.max_version
            and versions.index(self.max_version) < versions.index(self.min_version)
        ):
            yield "max_version", f"max_version {self.max_version} is below min_version {self.min_version}"


class ProxyUrl(Url):
    """The URL of a proxy; an empty text means none, as in Prometheus."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Check the URL. Raises ``ValueError`` saying what was expected."""
        return super().parse(text) if text else cls("")


@dataclass(frozen=True, slots=True)
class ProxyConfig:
    """Which proxy to go through. The environment is asked only on request."""

    proxy_url: ProxyUrl | None = None
    no_proxy: str = ""
    proxy_from_environment: bool = False
    proxy_connect_header: Mapping[str, tuple[Secret, ...]] = field(default_factory=dict)

    def check(self) -> Findings:
        """The proxy is named or taken from the environment; the rest needs one of these."""
        if self.proxy_from_environment and self.proxy_url:
            yield "proxy_url", "proxy_url must not be set when proxy_from_environment is"
        if self.proxy_from_environment and self.no_proxy:
            yield "no_proxy", "no_proxy must not be set when proxy_from_environment is"
        if self.no_proxy and not self.proxy_url and not self.proxy_from_environment:
            yield "no_proxy", "no_proxy needs proxy_url"
        if self.proxy_connect_header and not self.proxy_url and not self.proxy_from_environment:
            yield "proxy_connect_header", "proxy_connect_header needs proxy_url or proxy_from_environment"


@dataclass(frozen=True, slots=True)
class OAuth2:
    """A token fetched with the client-credentials or the JWT-bearer grant."""

    client_id: str = ""
    client_secret: Secret | None = None
    client_secret_file: FilePath | None = None
    client_secret_ref: str = field(default="", metadata=_REFERENCES)
    grant_type: Literal["client_credentials", "urn:ietf:params:oauth:grant-type:jwt-bearer"] = "client_credentials"
    client_certificate_key: Secret | None = None
    client_certificate_key_file: FilePath | None = None
    client_certificate_key_ref: str = field(default="", metadata=_REFERENCES)
    client_certificate_key_id: str = ""
    signature_algorithm: Literal["RS256", "RS384", "RS512"] = "RS256"
    iss: str = ""
    audience: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict)
    scopes: tuple[str, ...] = ()
    token_url: Url | None = None
    endpoint_params: Mapping[str, str] = field(default_factory=dict)
    tls_config: TlsConfig = field(default_factory=TlsConfig)
    proxy: ProxyConfig = field(default_factory=ProxyConfig, metadata=inline())

    def check(self) -> Findings:
        """Who asks, where, and with which secret."""
        if not self.client_id:
            yield "client_id", "oauth2 client_id must be set"
        if not self.token_url:
            yield "token_url", "oauth2 token_url must be set"
        if self.client_secret and self.client_secret_file:
            yield "client_secret_file", "at most one of client_secret and client_secret_file may be set"
        if self.client_certificate_key and self.client_certificate_key_file:
            message = "at most one of client_certificate_key and client_certificate_key_file may be set"
            yield "client_certificate_key_file", message
        if self.grant_type != "client_credentials" and not (
            self.client_certificate_key or self.client_certificate_key_file
        ):
            message = "the JWT-bearer grant needs client_certificate_key or client_certificate_key_file"
            yield "client_certificate_key", message


@dataclass(frozen=True, slots=True)
class HttpHeader:
    """Values of one request header: plain, secret, and from files that are read for every request."""

    values: tuple[str, ...] = ()
    secrets: tuple[Secret, ...] = ()
    files: tuple[FilePath, ...] = ()


@dataclass(frozen=True, slots=True)
class HttpConfig:
    """An HTTP client. ``bearer_token`` and ``bearer_token_file`` are mapped to ``authorization`` when loaded.

    ``enable_http2`` is accepted and has no effect: the client speaks HTTP/1.1.
    """

    basic_auth: BasicAuth | None = None
    authorization: Authorization | None = None
    oauth2: OAuth2 | None = None
    bearer_token: Secret | None = None
    bearer_token_file: FilePath | None = None
    tls_config: TlsConfig = field(default_factory=TlsConfig)
    follow_redirects: bool = True
    enable_http2: bool = True
    proxy: ProxyConfig = field(default_factory=ProxyConfig, metadata=inline())
    http_headers: Mapping[str, HttpHeader] = field(default_factory=dict)

    @property
    def authenticates(self) -> bool:
        """Whether some way to authenticate is set."""
        return bool(self.basic_auth or self.authorization or self.oauth2 or self.bearer_token or self.bearer_token_file)

    def check(self) -> Findings:
        """One way to authenticate; no header that the client sets itself."""
        if self.bearer_token and self.bearer_token_file:
            yield "bearer_token_file", "at most one of bearer_token and bearer_token_file may be set"
        yield from self._check_authentication()
        for name in self.http_headers:
            lowered = name.lower()
            if lowered in _RESERVED or lowered.startswith(_RESERVED_PREFIXES):
                yield "http_headers", f"header {name!r} is reserved: it is set by the client itself"

    def _check_authentication(self) -> Findings:
        ways = [
            ("basic_auth", self.basic_auth),
            ("oauth2", self.oauth2),
            ("authorization", self.authorization),
            ("bearer_token", self.bearer_token or self.bearer_token_file),
        ]
        used = [name for name, value in ways if value]
        if len(used) > 1:
            known = "basic_auth, authorization, oauth2 and bearer_token"
            last = "bearer_token_file" if used[-1] == "bearer_token" and self.bearer_token_file else used[-1]
            yield last, f"at most one of {known} may be set; here {', '.join(used)} are"

    def completed(self) -> HttpConfig:
        """The legacy bearer fields in their newer spelling."""
        if not (self.bearer_token or self.bearer_token_file):
            return self
        header = Authorization(credentials=self.bearer_token, credentials_file=self.bearer_token_file)
        return replace(self, authorization=header, bearer_token=None, bearer_token_file=None)
