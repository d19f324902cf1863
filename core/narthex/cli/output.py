"""Text for a terminal: labels may hold bytes that are not UTF-8; colours are for terminals only (click sees to it)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import click

__all__ = ["diff_line", "heading", "line", "print_json"]

_COLOURS = {"+": "green", "-": "red"}


def line(text: str = "", *, err: bool = False, colour: str | None = None) -> None:
    """One line; what is no UTF-8 becomes U+FFFD."""
    readable = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    click.secho(readable, err=err, fg=colour)


def heading(text: str) -> None:
    """A line that begins a part."""
    click.secho(text, bold=True)


def diff_line(text: str, indent: str = "  ") -> None:
    """A line of a diff, coloured by its first character."""
    line(f"{indent}{text}", colour=_COLOURS.get(text[:1]))


def print_json(data: Any) -> None:
    """``data`` as indented JSON, for people and for programs."""
    text = json.dumps(data, ensure_ascii=False, indent=2, default=_plain)
    line(text)


def _plain(value: Any) -> Any:
    if isinstance(value, Iterable):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
