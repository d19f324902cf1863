"""Fake distributions on ``sys.path``, and hosts that see nothing else that happens to be installed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from narthex.plugins.host import PluginHost

FOLDER = Path(__file__).parent / "fake_distribution"


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """A function that makes the named folders of ``fake_distribution`` look installed."""
    before = set(sys.modules)

    def install(*folders: str) -> None:
        for folder in folders:
            monkeypatch.syspath_prepend(FOLDER / folder)

    yield install
    for name in set(sys.modules) - before:
        if name.startswith(("acme_", "zeta_")):
            del sys.modules[name]


@pytest.fixture
def scan() -> Callable[..., PluginHost]:
    """A host over the named distributions only, whatever else the environment has."""
    return lambda *names, shipped=None: PluginHost(shipped or {}, allow=frozenset(names))
