"""The bytes of a GET request, and which requests may be written so plainly."""

from __future__ import annotations

import re

from multidict import CIMultiDict
from yarl import URL

__all__ = ["is_plain", "request_head"]

_DEFAULTS = (("Accept", "*/*"), ("Accept-Encoding", "gzip"))
_TARGET = re.compile(r"/[!-~]*")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LINE_BREAK = re.compile(r"[\r\n\0]")


def is_plain(url: URL) -> bool:
    """Whether a GET of ``url`` needs nothing but a host, a port and a path; credentials in a URL are aiohttp's."""
    host = url.raw_host or ""
    return (
        url.scheme in {"http", "https"}
        and bool(host)
        and host.isascii()
        and url.raw_user is None
        and _TARGET.fullmatch(url.raw_path_qs) is not None
    )


def request_head(url: URL, headers: CIMultiDict[str]) -> bytes:
    """The whole request. Raises ``ValueError`` for a header that would break out of its line."""
    lines = [f"GET {url.raw_path_qs} HTTP/1.1"]
    if "Host" not in headers:
        lines.append(f"Host: {url.host_port_subcomponent}")
    lines += [f"{name}: {value}" for name, value in _DEFAULTS if name not in headers]
    for name, value in headers.items():
        if _NAME.fullmatch(name) is None or _LINE_BREAK.search(value):
            raise ValueError(f"header {name!r} cannot be sent")
        lines.append(f"{name}: {value}")
    return "\r\n".join([*lines, "", ""]).encode()
