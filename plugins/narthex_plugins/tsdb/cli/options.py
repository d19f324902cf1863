"""Arguments and options that several commands share, and how numbers are shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from narthex.cli.flags import Parsed
from narthex.cli.times import parse_time

__all__ = ["DATA", "TIME", "duration_text", "milliseconds", "size_text", "time_text", "window"]

Command = TypeVar("Command", bound=Callable[..., Any])

TIME = Parsed("time", parse_time)
DATA = click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path), default="data")
"""The data directory, ``data`` when it is not given."""

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def window(command: Command) -> Command:
    """``--match``, ``--start`` and ``--end``."""
    command = click.option("--end", type=TIME, help="Newest samples; all by default.")(command)
    command = click.option("--start", type=TIME, help="Oldest samples; all by default.")(command)
    return click.option("--match", default="", help="A selector of series; all by default.")(command)


def milliseconds(seconds: float | None, default: int) -> int:
    """A time of the command line as ms since the epoch."""
    return default if seconds is None else round(seconds * 1000)


def time_text(time: int | None) -> str:
    """RFC 3339 with milliseconds where there are any; empty for no time."""
    if time is None:
        return ""
    text = datetime.fromtimestamp(time / 1000, UTC).isoformat(timespec="milliseconds" if time % 1000 else "seconds")
    return text.replace("+00:00", "Z")


def duration_text(milliseconds: int) -> str:
    """Hours, minutes and seconds."""
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{number}{unit}" for number, unit in ((hours, "h"), (minutes, "m"), (seconds, "s")) if number]
    return "".join(parts) or "0s"


def size_text(size: int) -> str:
    """Bytes with a binary unit."""
    number, unit = float(size), 0
    while number >= 1024 and unit < len(_UNITS) - 1:
        number, unit = number / 1024, unit + 1
    return f"{number:.1f}{_UNITS[unit]}" if unit else f"{size}B"
