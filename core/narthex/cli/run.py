"""``narthex run``: the server. The flags are :class:`narthex.options.ServerOptions`."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import click

from narthex import logs
from narthex.cli.flags import server_flags
from narthex.errors import ConfigError
from narthex.options import ServerOptions

if TYPE_CHECKING:
    from narthex.cli.app import App
    from narthex.plugins.failure import PluginFailure

__all__ = ["run"]

log = logging.getLogger(__name__)


@click.command("run", params=server_flags())
@click.pass_obj
def run(app: App, /, **values: Any) -> int:
    """Scrape, store, evaluate rules and serve, until stopped.

    SIGHUP reads the configuration again, SIGTERM and SIGINT stop. Exit status 2 means that the configuration cannot be
    used.
    """
    options = ServerOptions(**values)
    logs.configure(options.log_level, options.log_format, sys.stderr)
    host = app.host()
    for failure in host.failures():
        _report(failure)
    from narthex.server import run as serve

    try:
        return serve(options, host)
    except ConfigError as error:
        for problem in error.problems:
            click.echo(f"Error: {problem}", err=True)
        return 2


def _report(failure: PluginFailure) -> None:
    origin = failure.origin
    extra = {
        "plugin": origin.plugin, "distribution": origin.distribution, "version": origin.version,
        "hook": failure.hook, "reason": failure.what,
    }  # fmt: skip
    log.error("A plugin failed and was left out", extra=extra)
    if failure.traceback:
        log.debug("Traceback of the failed plugin", extra={"plugin": origin.plugin, "stack": failure.traceback})
