"""TLS settings as an ``SSLContext``, made anew when one of its files changes.

A context is part of what aiohttp knows a connection by, so after a rotation new connections use the new files and the
old ones die out by themselves.
"""

from __future__ import annotations

import ssl
import tempfile
import warnings
from pathlib import Path

from narthex.config.http import TlsConfig
from narthex.http.credentials import read_secret
from narthex.http.errors import HttpError

__all__ = ["Tls", "make_context"]

_VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}
_Stamp = tuple[tuple[int, int, int], ...]


class Tls:
    """The context of one client configuration."""

    def __init__(self, config: TlsConfig) -> None:
        self._config = config
        self._files = [Path(one) for one in (config.ca_file, config.cert_file, config.key_file) if one]
        self._stamp: _Stamp | None = None
        self._context: ssl.SSLContext | None = None

    @property
    def server_name(self) -> str | None:
        """The name to expect instead of the URL's host."""
        return self._config.server_name or None

    def context(self) -> ssl.SSLContext:
        """The context for the files as they are now. Raises ``HttpError`` when they cannot be used."""
        stamp = self._read_stamp() if self._files else ()
        if self._context is None or stamp != self._stamp:
            self._context = make_context(self._config)
            self._stamp = stamp
        return self._context

    def _read_stamp(self) -> _Stamp:
        try:
            found = [one.stat() for one in self._files]
        except OSError as error:
            raise HttpError(f"unable to read TLS file: {error}") from None
        return tuple((one.st_mtime_ns, one.st_size, one.st_ino) for one in found)


def make_context(config: TlsConfig) -> ssl.SSLContext:
    """A client context. Raises ``HttpError`` when a certificate or key is missing or broken."""
    try:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
        if config.ca_file or config.ca:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # without the system's certificates
            context.load_verify_locations(cadata=read_secret(config.ca, config.ca_file))
        if config.insecure_skip_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        _limit_versions(context, config)
        if config.cert or config.cert_file:
            _load_certificate(context, config)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise HttpError(f"TLS configuration cannot be used: {error}") from None
    return context


def _limit_versions(context: ssl.SSLContext, config: TlsConfig) -> None:
    lowest = _VERSIONS[config.min_version or "TLS12"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # whoever asks for TLS 1.0 knows that it is old
        context.minimum_version = lowest
        context.maximum_version = _VERSIONS[config.max_version or "TLS13"]
    if lowest < ssl.TLSVersion.TLSv1_2:
        context.set_ciphers("DEFAULT:@SECLEVEL=0")  # OpenSSL 3 refuses the old versions otherwise


def _load_certificate(context: ssl.SSLContext, config: TlsConfig) -> None:
    """Load the client certificate; OpenSSL reads files only, so texts take the way through private ones."""
    with tempfile.TemporaryDirectory() as folder:
        paths: list[Path] = []
        for name, text, file in (
            ("cert", config.cert, config.cert_file),
            ("key", config.key, config.key_file),
        ):
            path = Path(folder, name)
            path.touch(mode=0o600)
            path.write_text(read_secret(text, file), encoding="utf-8")
            paths.append(path)
        context.load_cert_chain(paths[0], paths[1])
