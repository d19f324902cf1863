"""What a request can fail with."""

from __future__ import annotations

from narthex.errors import NarthexError

__all__ = ["BodyLimitError", "HttpError"]


class HttpError(NarthexError):
    """There was no usable answer: no connection, no trust, no credentials, no time. The text says which."""


class BodyLimitError(HttpError):
    """The answer, unpacked, reaches the limit for its size."""
