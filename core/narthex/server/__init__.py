"""Composition: which objects a running server is made of, in which order they start, change and stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from narthex.options import ServerOptions
    from narthex.plugins.host import PluginHost

__all__ = ["run"]


def run(options: ServerOptions, host: PluginHost) -> int:
    """Run until SIGTERM or SIGINT; returns the exit status. Raises ``ConfigError`` before anything has started."""
    from narthex.server.process import run_server

    return run_server(options, host)
