"""Jobs from YAML, with the plugins that ship."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from narthex.config.load import parse_config
from narthex.config.sections import Config
from narthex.plugins.catalog import Catalog
from narthex.plugins.host import PluginHost
from narthex_plugins.standard import shipped


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return PluginHost(shipped(), scan=False).catalog()


@pytest.fixture
def config(catalog: Catalog) -> Callable[[str], Config]:
    return lambda text: parse_config(text, "prometheus.yml", catalog, env={})
