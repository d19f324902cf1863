"""Which proxy a request goes through, if any."""

from __future__ import annotations

import ipaddress
import urllib.request

from yarl import URL

from narthex.config.http import ProxyConfig

__all__ = ["Proxy"]


class Proxy:
    """The proxy settings of one client. The environment is asked only where the configuration says so."""

    def __init__(self, config: ProxyConfig) -> None:
        self._from_environment = config.proxy_from_environment
        self._url = URL(config.proxy_url) if config.proxy_url else None
        self._exempt = [one.strip().lower() for one in config.no_proxy.split(",") if one.strip()]
        self.headers = {
            name: ", ".join(v.reveal() for v in values) for name, values in config.proxy_connect_header.items()
        }
        """Headers for the proxy itself."""

    @property
    def is_used(self) -> bool:
        """Whether any request may go through a proxy."""
        return self._from_environment or self._url is not None

    def of(self, url: URL) -> URL | None:
        """The proxy for ``url``, or None."""
        if self._from_environment:
            return _environment(url)
        if self._url is None or any(_covers(one, url) for one in self._exempt):
            return None
        return self._url


def _environment(url: URL) -> URL | None:
    host = url.host or ""
    found = urllib.request.getproxies_environment().get(url.scheme)
    if not found or urllib.request.proxy_bypass_environment(host):  # type: ignore[attr-defined]  # typeshed has no word of it
        return None
    return URL(found)


def _covers(rule: str, url: URL) -> bool:
    """Whether a ``no_proxy`` entry holds for ``url``: ``*``, a network, an address or a domain, perhaps with a port."""
    host = (url.host or "").lower()
    if rule == "*":
        return True
    if "/" in rule:
        return _in_network(host, rule)
    name, colon, port = rule.rpartition(":")
    if colon and port.isdecimal() and not name.endswith(":"):
        if int(port) != url.port:
            return False
        rule = name
    if rule.startswith("."):
        return host.endswith(rule)
    return host == rule or host.endswith("." + rule)


def _in_network(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
