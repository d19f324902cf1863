"""Turns the fields of :class:`narthex.options.ServerOptions` into command-line flags.

Flags are spelled as Prometheus spells them: names with dots, a boolean is on as ``--name`` and off as ``--no-name``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import click

from narthex.config.types import Duration, Size
from narthex.options import ServerOptions

__all__ = ["DURATION", "Parsed", "server_flags"]


class Parsed(click.ParamType):  # type: ignore[type-arg] # generic in newer releases of click only
    """A value that a function reads from text; its ``ValueError`` becomes a usage error."""

    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Text to value; a default passes as it is."""
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


DURATION = Parsed("duration", Duration.parse)
SIZE = Parsed("size", Size.parse)


def server_flags() -> list[click.Parameter]:
    """One option for each field, in the order of the fields; the parameter's name is the field's."""
    types = get_type_hints(ServerOptions)
    return [_option(one, types[one.name]) for one in fields(ServerOptions)]


def _option(field: Field[Any], kind: Any) -> click.Option:
    flag, default = field.metadata["flag"], field.default
    return click.Option(
        [field.name, f"--{flag}/--no-{flag}" if kind is bool else f"--{flag}"],
        type=_type(field, kind),
        default=default,
        show_default=default != "",
        multiple=get_origin(kind) is tuple,
        help=field.metadata["help"],
    )


def _type(field: Field[Any], kind: Any) -> click.ParamType[Any] | type:
    if parse := field.metadata["parse"]:
        return Parsed("text", parse)
    if kind is Size:
        return SIZE
    if kind is Duration:
        return DURATION
    if kind is Path:
        return click.Path(path_type=Path)
    if kind is int:
        return click.IntRange(min=field.metadata["at_least"])
    if get_origin(kind) is not None:  # Literal
        return click.Choice(get_args(kind))
    assert kind in {bool, str}, f"no flag type for {kind}"
    return kind  # type: ignore[no-any-return] # narrowed by the assertion
