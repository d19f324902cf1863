"""``narthex query``: ask a running server, Narthex or Prometheus, over its HTTP API."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

from narthex.cli.apiclient import Answer, Server
from narthex.cli.flags import DURATION, Parsed
from narthex.cli.lazy import LazyGroup
from narthex.cli.results import as_json, plan_lines, query_lines, series_lines
from narthex.cli.times import parse_step, parse_time
from narthex.config.types import Duration

__all__ = ["query"]


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise ValueError(f"{text!r} is not 'Name: value'")
    return name.strip(), value.strip()


Command = TypeVar("Command", bound=Callable[..., Any])
TIME = Parsed("time", parse_time)


@click.group("query", cls=LazyGroup)
def query() -> None:
    """Ask a running server.

    SERVER is an address such as http://127.0.0.1:9090; a user and a password may stand in it. Times are RFC 3339 or
    seconds since the Unix epoch.
    """


def _asking(command: Command) -> Command:
    """The options and the argument that all subcommands share."""
    for decorate in (
        click.option("--timeout", type=DURATION, default=Duration(130_000), show_default=True,
                     help="Longest time to wait for the answer."),
        click.option("--header", "headers", multiple=True, type=Parsed("name: value", _header),
                     help="Send this header too; repeatable."),
        click.option("-o", "--format", "form", type=click.Choice(["promql", "json"]), default="promql",
                     show_default=True, help="How the answer is printed."),
        click.argument("server"),
    ):  # fmt: skip
        command = decorate(command)
    return command


def _window(command: Command) -> Command:
    """``--start`` and ``--end``."""
    command = click.option("--end", type=TIME, help="End of the time range.")(command)
    return click.option("--start", type=TIME, help="Start of the time range.")(command)


@query.command("instant")
@_asking
@click.argument("expression")
@click.option("--time", "at", type=TIME, help="Evaluation time; the server's own by default.")
def instant(server: str, expression: str, at: float | None, form: str, **how: Any) -> None:
    """Evaluate an expression at one time."""
    answer = _server(server, **how).post("query", [("query", expression), *_times(time=at)])
    _print(answer, form, answer.data["result"], query_lines(answer.data))


@query.command("range")
@_asking
@click.argument("expression")
@_window
@click.option(
    "--step", type=Parsed("step", parse_step), help="Distance of the points; a 250th of the range by default."
)
def range_(server: str, expression: str, start: float | None, end: float | None, form: str, **how: Any) -> None:
    """Evaluate an expression over a range of time, the last five minutes by default."""
    asked = _range_times(start, end, how.pop("step"))
    answer = _server(server, **how).post("query_range", [("query", expression), *asked])
    _print(answer, form, answer.data["result"], query_lines(answer.data))


@query.command("explain")
@_asking
@click.argument("expression")
@click.option("--time", "at", type=TIME, help="Evaluation time; the server's own by default.")
@_window
@click.option(
    "--step", type=Parsed("step", parse_step), help="Distance of the points; a 250th of the range by default."
)
def explain(
    server: str, expression: str, at: float | None, start: float | None, end: float | None, form: str, **how: Any
) -> None:
    """Evaluate an expression and print what each of its nodes gave and took.

    With --start or --end it is evaluated over a range, else at one time. Only Narthex answers this.
    """
    step = how.pop("step")
    if start is None and end is None:
        asked = _times(time=at)
    elif at is not None:
        raise click.UsageError("--time asks for one time, --start and --end for a range")
    else:
        asked = _range_times(start, end, step)
    answer = _server(server, **how).post("query_explain", [("query", expression), *asked])
    _print(answer, form, answer.data, plan_lines(answer.data))


@query.command("series")
@_asking
@click.option("--match", "matches", multiple=True, required=True, help="Series selector; repeatable.")
@_window
def series(
    server: str, matches: tuple[str, ...], start: float | None, end: float | None, form: str, **how: Any
) -> None:
    """List the series that a selector matches."""
    answer = _server(server, **how).post("series", [*_matches(matches), *_times(start=start, end=end)])
    _print(answer, form, answer.data, series_lines(answer.data))


@query.command("labels")
@_asking
@click.argument("name", required=False)
@click.option("--match", "matches", multiple=True, help="Only of series that match; repeatable.")
@_window
def labels(server: str, name: str | None, matches: tuple[str, ...], form: str, **how: Any) -> None:
    """List the values of the label NAME, or the names of all labels."""
    window = _times(start=how.pop("start"), end=how.pop("end"))
    endpoint = f"label/{name}/values" if name else "labels"
    answer = _server(server, **how).get(endpoint, [*_matches(matches), *window])
    _print(answer, form, answer.data, answer.data)


def _server(url: str, *, headers: tuple[tuple[str, str], ...], timeout: Duration) -> Server:
    return Server.at(url, dict(headers), timeout.seconds)


def _range_times(start: float | None, end: float | None, step: float | None) -> list[tuple[str, str]]:
    end = clock.time() if end is None else end
    start = end - 300 if start is None else start
    if end < start:
        raise click.UsageError("--end lies before --start")
    return _times(start=start, end=end, step=step or max(int((end - start) / 250), 1))


def _times(**times: float | None) -> list[tuple[str, str]]:
    return [(name, repr(float(value))) for name, value in times.items() if value is not None]


def _matches(matches: Iterable[str]) -> list[tuple[str, str]]:
    return [("match[]", match) for match in matches]


def _print(answer: Answer, form: str, data: Any, lines: Iterable[str]) -> None:
    for remark in answer.remarks:
        click.echo(f"Warning: {remark}", err=True)
    if form == "json":
        click.echo(as_json(data))
    else:
        for line in lines:
            click.echo(line)
