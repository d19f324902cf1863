"""A configuration directory, the shipped plugins, and servers over them."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

from narthex.options import ListenAddress, ServerOptions
from narthex.plugins.host import PluginHost
from narthex.server.plan import Plan, make_plan
from narthex_plugins.standard import shipped


class Site:
    """Files below ``root``; ``plugins`` stand beside the shipped ones."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.plugins: dict[str, object] = {}
        self.options: dict[str, Any] = {
            "config_file": root / "prometheus.yml",
            "storage_path": root / "data",
            "web_listen_address": (ListenAddress("127.0.0.1", 0),),
        }

    def write(self, text: str, name: str = "prometheus.yml") -> None:
        (self.root / name).write_text(textwrap.dedent(text))

    def host(self) -> PluginHost:
        return PluginHost({**shipped(), **self.plugins}, scan=False)

    def server_options(self, **more: Any) -> ServerOptions:
        return ServerOptions(**{**self.options, **more})

    def plan(self, **more: Any) -> Plan:
        return make_plan(self.server_options(**more), self.host().catalog(), "http://narthex")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)
