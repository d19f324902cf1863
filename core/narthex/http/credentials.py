"""The ``Authorization`` header and other configured headers, with files read for every request.

So a rotated secret works without a reload, as in Prometheus. The files are small and local: reading them on the event
loop takes less than handing the work to a thread.
"""

from __future__ import annotations

import base64
from pathlib import Path

from narthex.config.http import BasicAuth, HttpConfig, HttpHeader
from narthex.config.types import Secret
from narthex.http.errors import HttpError

__all__ = ["Credentials", "read_secret"]


def read_secret(text: Secret | str | None, file: str | None) -> str:
    """A secret given as text or as a file, whose surrounding white space is cut off. Raises ``HttpError``."""
    if file:
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise HttpError(f"unable to read {file}: {error}") from None
    return text.reveal() if isinstance(text, Secret) else text or ""


class Credentials:
    """The configured headers; worked out once where no file is involved."""

    def __init__(self, config: HttpConfig) -> None:
        self._config = config
        self._fixed = None if _names_files(config) else self._read()

    @property
    def fixed(self) -> bool:
        """Whether the headers are the same for every request."""
        return self._fixed is not None

    def headers(self) -> list[tuple[str, str]]:
        """Name and value of every header to send. Raises ``HttpError`` when a file cannot be read."""
        return self._fixed if self._fixed is not None else self._read()

    def _read(self) -> list[tuple[str, str]]:
        config = self._config
        headers = [
            (name, value) for name, header in sorted(config.http_headers.items()) for value in _header_values(header)
        ]
        if config.basic_auth:
            headers.append(("Authorization", _basic(config.basic_auth)))
        elif config.authorization:
            one = config.authorization
            secret = read_secret(one.credentials, one.credentials_file)
            headers.append(("Authorization", f"{one.type} {secret}"))
        elif config.bearer_token or config.bearer_token_file:
            headers.append(("Authorization", f"Bearer {read_secret(config.bearer_token, config.bearer_token_file)}"))
        return headers


def _basic(auth: BasicAuth) -> str:
    user = read_secret(auth.username, auth.username_file)
    password = read_secret(auth.password, auth.password_file)
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _header_values(header: HttpHeader) -> list[str]:
    secrets = [secret.reveal() for secret in header.secrets]
    return [*header.values, *secrets, *(read_secret(None, file) for file in header.files)]


def _names_files(config: HttpConfig) -> bool:
    auth, header = config.basic_auth, config.authorization
    return bool(
        (auth and (auth.username_file or auth.password_file))
        or (header and header.credentials_file)
        or config.bearer_token_file
        or any(one.files for one in config.http_headers.values())
    )
