"""What ships: the one list of Narthex's own plugins, and the start of the console script.

The plugins are imported when a command needs them. They stand here by name, not as entry points, so that a checkout
runs without being installed and a packed build holds exactly these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from narthex.cli.main import main as run

__all__ = ["main", "shipped"]


def shipped() -> Mapping[str, object]:
    """Every plugin that ships, by the name that operators see."""
    from narthex_plugins import (
        exposition,
        file,
        graph_page,
        memory,
        relabel_actions,
        static,
        status_page,
        tsdb,
        webhook,
    )
    from narthex_sd import consul, dns, ec2, http, mdns
    from narthex_sd import exec as program

    return {
        "static": static,
        "file": file,
        "http": http,
        "dns": dns,
        "exec": program,
        "consul": consul,
        "ec2": ec2,
        "mdns": mdns,
        "relabel_actions": relabel_actions,
        "exposition": exposition,
        "tsdb": tsdb,
        "memory": memory,
        "webhook": webhook,
        "status_page": status_page,
        "graph_page": graph_page,
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; returns its exit status."""
    return run(shipped, argv)
