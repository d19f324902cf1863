"""What the HTML pages share: the frame, its style, and tables. No script, nothing from elsewhere."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from narthex.model.labels import Labels

__all__ = ["document", "labels_text", "table"]

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #222; }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem } a { color: #0b57a4 }
table { border-collapse: collapse; width: 100% } th { text-align: left; font-weight: 600 }
th, td { padding: .3rem .6rem; border-bottom: 1px solid #ddd; vertical-align: top } td { overflow-wrap: anywhere }
.up, .ok, .inactive, .finished { color: #17692f } .unknown, .pending, .starting, .retrying, .degraded { color: #8a5a00 }
.down, .err, .firing, .failed, .blocked { color: #b3261e; font-weight: 600 } .labels { color: #555 }
@media (prefers-color-scheme: dark) { body { background: #161616; color: #ddd } a { color: #7ab8ff }
  th, td { border-color: #333 } .labels { color: #aaa } .up, .ok, .inactive, .finished { color: #6dd58c }
  .down, .err, .firing, .failed, .blocked { color: #ff8a80 }
  .unknown, .pending, .starting, .retrying, .degraded { color: #e8b23c } }
"""


def document(title: str, sections: Iterable[str], *, refresh: int = 0) -> str:
    """A whole page of sections that are HTML already; fetched again every ``refresh`` seconds (0: never)."""
    again = f'<meta http-equiv="refresh" content="{refresh}">' if refresh else ""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"{again}<title>Narthex</title><style>{_STYLE}</style>"
        f"<body><h1>{html.escape(title)}</h1>\n{chr(10).join(sections)}</body></html>"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells that are HTML already."""
    if not rows:
        return "<p>None.</p>"
    titles = "".join(f"<th>{title}</th>" for title in head)
    lines = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{titles}</tr>{lines}</table>"


def labels_text(labels: Labels) -> str:
    """A label set, escaped."""
    return f'<span class="labels">{html.escape(str(labels))}</span>'
