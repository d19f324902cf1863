"""The reference page of one plugin kind: prose by hand, and between two marks the options as its dataclass has them.

So a page can explain meaning and labels, and can never be wrong about a key, a type or a default.
"""

from __future__ import annotations

import re
from typing import Any

from narthex.config.reference import anchor_of, describe, reachable

__all__ = ["new_page", "updated"]

_BEGIN = "<!-- options: made from the code -->"
_END = "<!-- end of options -->"
_LINK = re.compile(r"\]\(#([\w-]+)\)")


def _options(config: type[Any]) -> str:
    """The tables of a kind's config and of the sections it brings; sections of the core are linked to their page."""
    own = [cls for cls in reachable(config) if cls is config or not cls.__module__.startswith("narthex.")]
    here = {anchor_of(cls) for cls in own}

    def link(match: re.Match[str]) -> str:
        return match[0] if match[1] in here else f"](../configuration.md#{match[1]})"

    return _LINK.sub(link, "\n\n".join(describe(cls).strip() for cls in own))


def new_page(key: str, summary: str) -> str:
    """A page to begin with."""
    return f"# {key}\n\n{summary}\n\n## Options\n\n{_BEGIN}\n{_END}\n"


def updated(page: str, config: type[Any]) -> str:
    """The page with the present options between its marks. Raises ``ValueError`` where the marks are missing."""
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"expected the lines {_BEGIN!r} and {_END!r}")
    return f"{before}{_BEGIN}\n\n{_options(config)}\n\n{_END}{after}"
