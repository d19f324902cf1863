"""Which label names are valid: any non-empty UTF-8 text, or the older restricted set."""

from __future__ import annotations

import re

__all__ = ["is_legacy_name", "is_legacy_template", "is_utf8_name"]

_LEGACY = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
# Letters and references to groups may begin a name, digits may not.
_LEGACY_TEMPLATE = re.compile(r"(?:[a-zA-Z_]|\$(?:\{\w+\}|\w+))(?:\w|\$(?:\{\w+\}|\w+))*", re.ASCII)


def is_legacy_name(name: str) -> bool:
    """Whether the name suits ``[a-zA-Z_][a-zA-Z0-9_]*``."""
    return _LEGACY.fullmatch(name) is not None


def is_legacy_template(text: str) -> bool:
    """Whether the text is a legacy name in which ``$x`` and ``${x}`` may stand for parts."""
    return _LEGACY_TEMPLATE.fullmatch(text) is not None


def is_utf8_name(name: str) -> bool:
    """Whether the name is not empty and can be written as UTF-8."""
    if name.isascii():
        return bool(name)
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
