"""The top of the command line: which commands there are, and what becomes of errors.

Exit status: 0 fine, 1 a check failed or something expected went wrong, 2 wrong usage; a command that differs says
so. An error of :class:`narthex.errors.NarthexError` prints one line; anything else is a defect and keeps its traceback.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence

import click

from narthex import __version__
from narthex.cli.app import App
from narthex.cli.contributed import RootGroup
from narthex.cli.lazy import Lazy
from narthex.errors import NarthexError, UsageError

__all__ = ["main", "root"]

_COMMANDS = {
    "run": Lazy("narthex.cli.run:run", "Scrape, store, evaluate rules and serve, until stopped."),
    "check": Lazy("narthex.cli.check:check", "Check files before a server reads them."),
    "new": Lazy("narthex.cli.new:new", "Begin something of your own."),
    "plugins": Lazy("narthex.cli.plugins:plugins", "List plugins, what they contribute, and what is wrong with them."),
    "plan": Lazy(
        "narthex.cli.plan:plan", "Show what the configuration NEW would change: targets, series, rules and settings."
    ),
    "promql": Lazy("narthex.cli.promql:promql", "Work on PromQL expressions."),
    "query": Lazy("narthex.cli.query:query", "Ask a running server."),
    "relabel": Lazy("narthex.cli.relabel:relabel", "Show what relabel rules make of labels, rule by rule."),
    "test": Lazy("narthex.cli.test:test", "Run tests written in files."),
    "why": Lazy("narthex.cli.why:why", "Ask a running server for its reasons."),
}


@click.group("narthex", cls=RootGroup, lazy=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="narthex %(version)s")
def root() -> None:
    """Monitoring and alerting in which every stage is a plugin kind."""


def main(shipped: Callable[[], Mapping[str, object]], argv: Sequence[str] | None = None, *, scan: bool = True) -> int:
    """Run one command line and return its exit status.

    ``shipped`` imports the plugins of the composition file; ``scan`` says whether installed plugins of others are
    looked for. ``argv`` defaults to the process's own arguments.
    """
    try:
        status = root.main(
            args=None if argv is None else list(argv),
            prog_name="narthex",
            obj=App(shipped, os.environ, scan),
            standalone_mode=False,
        )
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return 130  # as a shell reports a process that SIGINT ended
    except NarthexError as error:
        click.echo(f"Error: {error}", err=True)
        return 2 if isinstance(error, UsageError) else 1
    except BrokenPipeError:
        # The reader of our output left, as in `narthex query … | head`; Python must not fail again when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return int(status or 0)
