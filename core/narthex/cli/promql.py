"""``narthex promql``: work on expressions as text, without a server."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from narthex.cli.app import App
from narthex.cli.lazy import LazyGroup
from narthex.errors import ParseError

__all__ = ["promql"]


@click.group("promql", cls=LazyGroup)
def promql() -> None:
    """Work on PromQL expressions."""


@promql.command("format")
@click.argument("expressions", nargs=-1, metavar="[EXPRESSION]...")
@click.option("--width", type=click.IntRange(min=1), default=100, show_default=True,
              help="Split what is wider than so many bytes.")  # fmt: skip
@click.option("--check", is_flag=True, help="Print nothing; exit with status 1 when an expression would change.")
@click.pass_obj
def format_(app: App, expressions: tuple[str, ...], width: int, *, check: bool) -> int:
    """Print expressions in the canonical form, over several lines where one is too long.

    Without an expression, one is read from standard input. All of the language is allowed, experimental parts and
    functions of plugins too. Comments are not kept.
    """
    from narthex.promql.contributed import with_plugins
    from narthex.promql.parser import ALL_OPTIONS, parse
    from narthex.promql.pretty import prettify

    options = with_plugins(app.catalog(), ALL_OPTIONS)
    status = 0
    for at, text in enumerate(_texts(expressions)):
        try:
            formatted = prettify(parse(text, options=options), width=width)
        except ParseError as error:
            click.echo(f"{_named(at, expressions)}{error}", err=True)
            status = 1
            continue
        if not check:
            click.echo(formatted)
        elif formatted != text.rstrip("\n"):
            click.echo(f"{_named(at, expressions)}not in canonical form", err=True)
            status = 1
    return status


def _texts(expressions: tuple[str, ...]) -> Iterator[str]:
    if expressions:
        yield from expressions
    else:
        yield sys.stdin.buffer.read().decode("utf-8", "surrogateescape")


def _named(at: int, expressions: tuple[str, ...]) -> str:
    return f"expression {at + 1}: " if len(expressions) > 1 else ""
