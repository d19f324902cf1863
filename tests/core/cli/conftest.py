"""Command lines run in the test's own process."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest

from narthex.cli.main import main
from narthex.config.load import parse_config
from narthex.config.sections import Config
from narthex.plugins.catalog import Catalog
from narthex.plugins.host import PluginHost
from narthex_plugins.standard import shipped


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str


@pytest.fixture
def narthex(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """``narthex("check", "config", file)``; no foreign plugin is loaded unless the test admits it."""
    monkeypatch.setenv("NARTHEX_PLUGINS", "")

    def run(*arguments: str, shipped: Mapping[str, object] | None = None) -> Outcome:
        status = main(lambda: shipped or {}, [str(one) for one in arguments])
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err)

    return run


@pytest.fixture
def standard_input(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """What the next command reads from its standard input."""
    return lambda data: monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """What the shipped plugins contribute."""
    return PluginHost(shipped(), scan=False).catalog()


@pytest.fixture
def config(catalog: Catalog) -> Callable[[str], Config]:
    """A configuration from YAML text."""
    return lambda text: parse_config(text, "prometheus.yml", catalog, env={})
