"""From an answer to target groups: what may be believed, and the labels that it brings."""

from __future__ import annotations

import re

from narthex.config.types import Url
from narthex.discovery.groups import sourced_from_json
from narthex.errors import DiscoveryError
from narthex.http.client import Answer
from narthex.model.targetgroup import TargetGroup

__all__ = ["groups_of", "is_json", "require_usable"]

# reference §2.3: no other parameter, no other character set
_JSON = re.compile(r'application/json(;\s*charset=(utf-8|"utf-8"))?', re.IGNORECASE | re.ASCII)


def is_json(content_type: str) -> bool:
    """Whether an answer of this media type is read at all."""
    return bool(_JSON.fullmatch(content_type.strip()))


def require_usable(answer: Answer) -> None:
    """Raise ``DiscoveryError`` unless status and media type are right."""
    if answer.status != 200:
        raise DiscoveryError(f"the server answered with status {answer.status} {answer.reason}".rstrip())
    content_type = answer.headers.get("Content-Type", "")
    if not is_json(content_type):
        raise DiscoveryError(f"expected the content type application/json, got {content_type!r}")


def groups_of(body: bytes, url: Url, skipped: list[str] | None = None) -> tuple[TargetGroup, ...]:
    """The groups of a body, under the sources ``url:0``, ``url:1`` and so on.

    Labels of the body stand as they are, ``__meta_url`` is added. A password in the URL is masked in both. With
    ``skipped`` bad entries are left out, and why is added there. Raises ``DiscoveryError`` with the first thing that
    is wrong.
    """
    return sourced_from_json(body, url.masked, {"__meta_url": url.masked}, skipped)
