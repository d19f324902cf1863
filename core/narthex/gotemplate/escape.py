"""Go's escapers for HTML, JavaScript and URL query text."""

from __future__ import annotations

from urllib.parse import quote_plus

__all__ = ["escape_html", "escape_html_context", "escape_js", "escape_query"]

_HTML = str.maketrans({"\0": "�", '"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;"})
_CONTEXT = {**_HTML, ord("+"): "&#43;"}
_JS = {
    "\\": "\\\\",
    "'": "\\'",
    '"': '\\"',
    "<": "\\u003C",
    ">": "\\u003E",
    "&": "\\u0026",
    "=": "\\u003D",
}


def escape_html(text: str) -> str:
    """What the function ``html`` gives."""
    return text.translate(_HTML)


def escape_html_context(text: str) -> str:
    """What ``html/template`` prints for a value between tags: as ``html``, and the plus sign too."""
    return text.translate(_CONTEXT)


def escape_js(text: str) -> str:
    """What the function ``js`` gives: safe inside a quoted JavaScript string."""
    return "".join(_JS.get(char) or (char if char.isprintable() else f"\\u{ord(char):04X}") for char in text)


def escape_query(text: str) -> str:
    """Go's ``url.QueryEscape``: a space becomes ``+``."""
    return quote_plus(text, safe="-_.~", errors="replace")
