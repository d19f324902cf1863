from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from narthex.clock import Clock
from narthex.kinds import BuildContext
from narthex.testing.clock import FakeClock
from narthex_plugins.tsdb import TsdbConfig, build
from narthex_plugins.tsdb.storage import Tsdb


class Factory:
    """Builds storages on one directory; remembers the registry of the last."""

    def __init__(self, data: Path | None) -> None:
        self.data = data
        self.clock: Clock = FakeClock(1_700_000_000.0)
        self.registry = CollectorRegistry()

    def __call__(self, config: TsdbConfig = TsdbConfig()) -> Tsdb:  # noqa: B008 (frozen)
        self.registry = CollectorRegistry()
        log = logging.LoggerAdapter(logging.getLogger("narthex.test.tsdb"))
        return build(config, BuildContext("tsdb", self.clock, log, self.registry, self.data))

    def metric(self, name: str) -> float:
        value = self.registry.get_sample_value(f"prometheus_tsdb_{name}")
        assert value is not None, name
        return value


async def copied(storage: Tsdb, data: Path, target: Path, *, sealed: bool) -> None:
    """Copy what a storage leaves on disk, and end it: with everything sealed, or with its logs, as if it was killed."""
    if sealed:
        storage._disk.seal_points(force=True)
        await storage.stop()
    else:
        storage._disk.wal.flush()
    shutil.copytree(data, target)
    await storage.stop()


@pytest.fixture
def make(tmp_path: Path) -> Factory:
    return Factory(tmp_path / "data")


@pytest.fixture
def in_memory() -> Factory:
    return Factory(None)
