"""What every command gets: the way to the plugins, and the environment as a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from narthex.plugins.catalog import Catalog
    from narthex.plugins.host import PluginHost

__all__ = ["App"]


@dataclass(frozen=True, slots=True)
class App:
    """``shipped`` imports the plugins that ship; it is called by the commands that need them only.

    ``scan`` is False in a packed build, whose composition file names every plugin.
    """

    shipped: Callable[[], Mapping[str, object]]
    environment: Mapping[str, str]
    scan: bool = True

    def host(self) -> PluginHost:
        """Load the plugins; the environment's ``NARTHEX_PLUGINS`` limits which of others are admitted."""
        from narthex.plugins.host import PluginHost
        from narthex.plugins.sources import allow_list

        allow = allow_list(self.environment.get("NARTHEX_PLUGINS"))
        return PluginHost(self.shipped(), scan=self.scan, allow=allow)

    def catalog(self) -> Catalog:
        """Everything the plugins contribute; what failed is said on standard error."""
        import click

        host = self.host()
        for failure in host.failures():
            click.echo(f"Warning: {failure}", err=True)
        return host.catalog()
