"""Reading an answer's body: unpacked, and never more of it than allowed.

aiohttp's own decompression is switched off: unpacking the whole body at once with isal takes a third of the time and
can stop at the limit, so a small body that unpacks to gigabytes does no harm.
"""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import ClientResponse
from isal import isal_zlib

from narthex.http.errors import BodyLimitError, HttpError

__all__ = ["ENCODINGS", "open_body", "packed_limit", "read_body", "unpack"]

ENCODINGS = frozenset({"identity", "gzip"})
"""What a body may be packed with."""

_GZIP = 31
"""zlib's ``wbits`` for a gzip wrapper."""


async def read_body(response: ClientResponse, limit: int) -> bytes:
    """The body, unpacked. ``limit`` bytes or more raise ``BodyLimitError``; 0 means no limit."""
    encoding = _encoding(response.headers)
    return open_body(await _read(response, packed_limit(limit, encoding)), response.headers, limit)


def open_body(raw: bytes, headers: Mapping[str, str], limit: int) -> bytes:
    """The content of a body that was read. Raises ``HttpError``, and ``BodyLimitError`` as :func:`read_body`."""
    if _encoding(headers) == "gzip":
        return unpack(raw, limit)
    if limit and len(raw) >= limit:
        raise BodyLimitError("body size limit exceeded")
    return raw


def _encoding(headers: Mapping[str, str]) -> str:
    encoding = headers.get("Content-Encoding", "identity").lower()
    if encoding not in ENCODINGS:
        raise HttpError(f"unsupported Content-Encoding {encoding!r}")
    return encoding


async def _read(response: ClientResponse, limit: int) -> bytes:
    length = response.content_length
    if not limit or (length is not None and length <= limit):
        return await response.read()  # one wait instead of one for each piece
    if length is not None:
        raise BodyLimitError("body size limit exceeded")
    pieces, size = [], 0
    async for piece in response.content.iter_any():
        size += len(piece)
        if size > limit:
            raise BodyLimitError("body size limit exceeded")
        pieces.append(piece)
    return b"".join(pieces)


def packed_limit(limit: int, encoding: str) -> int:
    """The most bytes of a packed body that may become fewer than ``limit`` (0: no limit).

    What does not pack well grows a little in gzip: 5 bytes for each 16 KiB, and the wrapper.
    """
    return limit + limit // 1000 + 4096 if limit and encoding == "gzip" else limit


def unpack(raw: bytes, limit: int) -> bytes:
    """The content of a gzip body of one or more members. Raises ``HttpError`` for a broken one."""
    pieces, left, size = [], raw, 0
    try:
        while left:
            member = isal_zlib.decompressobj(_GZIP)
            piece = member.decompress(left, limit - size) if limit else member.decompress(left)
            size += len(piece)
            if limit and size >= limit:
                raise BodyLimitError("body size limit exceeded")
            if not member.eof:
                raise HttpError("the gzip body is cut short")
            pieces.append(piece)
            left = member.unused_data
    except isal_zlib.error as error:  # type: ignore[misc]  # isal ships no type information
        raise HttpError(f"the gzip body is broken: {error}") from None
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
