"""Which storage is built, and how long it keeps samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from narthex.config.types import Duration, Size
from narthex.errors import StorageError
from narthex.kinds import BuildContext, StorageKind
from narthex.plugins.catalog import Catalog, Contribution, Origin
from narthex.plugins.host import PluginHost
from narthex.server.storage import build_storage, change_storage, needs_restart, retention, storage_kind
from narthex.testing.storage import MemoryStorage
from narthex_plugins import standard
from narthex_plugins.tsdb import TsdbConfig

DAY = 86_400_000
IN_FILE = "storage: {tsdb: {retention: {time: 3d}}}\n"
OWN = "narthex: {storage: {tsdb: {retention: 2d}}}\n"
MEMORY = "narthex: {storage: {memory: {retention: 2d}}}\n"
CATALOG = PluginHost(standard.shipped(), scan=False).catalog()


@pytest.mark.parametrize(
    ("text", "flag", "kept"),
    [
        ("", 5, "5d"),
        (IN_FILE, 5, "3d"),
        (OWN, 5, "2d"),
        (IN_FILE + OWN, 5, "2d"),
        ("", 0, "15d"),
        (IN_FILE.replace("3d", "0s"), 5, "15d"),
        ("storage: {tsdb: {retention: {size: 5GB}}}\n", 0, "5GB"),
        ("storage: {tsdb: {retention: {time: 0s, size: 5GB}}}\n", 5, "5GB"),
        ("storage: {tsdb: {retention: {size: 5GB}}}\n", 5, "5d or 5GB"),
        ("storage: {tsdb: {retention: {time: 3d, size: 5GB, percentage: 12.5}}}\n", 0, "3d or 12.5%"),
        ("narthex: {storage: {tsdb: {retention_percentage: 80}}}\n", 5, "15d or 80%"),
    ],
)
def test_the_file_wins_over_the_flag_and_no_bound_at_all_means_the_default(
    site: Any, text: str, flag: int, kept: str
) -> None:
    site.write(text or "global: {}\n")
    assert str(retention(site.plan().config, site.server_options(storage_retention=Duration(flag * DAY)))) == kept


def test_a_size_by_flag_is_a_bound_too(site: Any) -> None:
    site.write("global: {}\n")
    assert str(retention(site.plan().config, site.server_options(storage_retention_size=Size.parse("7GB")))) == "7GB"
    site.write("storage: {tsdb: {retention: {size: 5GB}}}\n")
    assert str(retention(site.plan().config, site.server_options(storage_retention_size=Size.parse("7GB")))) == "5GB"


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [
        ("", "storage: {tsdb: {retention: {time: 15d}}}\n", ""),
        ("", IN_FILE, ""),
        ("", "storage: {tsdb: {retention: {size: 5GB, percentage: 50}, out_of_order_time_window: 5m}}\n", ""),
        (OWN, OWN.replace("2d", "1d"), ""),
        (OWN, OWN.replace("retention: 2d", "retention: 2d, path: elsewhere"), "narthex.storage.tsdb.path"),
        ("", OWN.replace("retention: 2d", "wal_fsync: always"), "narthex.storage.tsdb.wal_fsync"),
        (MEMORY, MEMORY.replace("2d", "1d"), ""),
        ("", "narthex: {storage: {memory: {}}}\n", "narthex.storage"),
        (OWN, OWN + IN_FILE, ""),
    ],
)
def test_what_the_storage_cannot_take_up_while_it_runs_is_named(site: Any, before: str, after: str, key: str) -> None:
    configs = []
    for text in (before, after):
        site.write(text or "global: {}\n")
        configs.append(site.plan().config)
    assert needs_restart(configs[1], configs[0], site.server_options(), CATALOG) == key


def test_a_kind_that_cannot_change_says_what_would(site: Any) -> None:
    kind = StorageKind("tsdb", Keeping, lambda settings, context: None)
    catalog = Catalog(storage={"tsdb": Contribution(kind, Origin("t"))})
    site.write("global: {}\n")
    before = site.plan().config
    site.write(IN_FILE)
    assert needs_restart(site.plan().config, before, site.server_options(), catalog) == "storage.tsdb.retention.time"


def test_a_storage_takes_up_other_settings(site: Any) -> None:
    taken: list[object] = []

    class Open(MemoryStorage):
        def reconfigure(self, config: object) -> None:
            taken.append(config)

    site.write("storage: {tsdb: {retention: {time: 3d, percentage: 5}}}\n")
    change_storage(Open(), site.plan().config, site.server_options(), CATALOG)
    assert taken == [TsdbConfig(retention=Duration(3 * DAY), retention_percentage=5.0)]


@dataclass(frozen=True)
class Plain:
    """A storage config without retention."""

    size: int = 1


@dataclass(frozen=True)
class Keeping:
    retention: Duration = Duration(1)


@pytest.mark.parametrize(("config", "built"), [(Plain, Plain()), (Keeping, Keeping(Duration(3 * DAY)))])
def test_a_kind_that_keeps_samples_is_told_how_long(site: Any, config: type, built: object) -> None:
    got: list[object] = []

    def build(settings: object, _context: object) -> MemoryStorage:
        got.append(settings)
        return MemoryStorage()

    kind = StorageKind("tsdb", config, build)
    site.write(IN_FILE)
    plan = site.plan()
    context: BuildContext = None  # type: ignore[assignment] -- the kind above does not look at it
    build_storage(
        plan.config, site.server_options(), Catalog(storage={"tsdb": Contribution(kind, Origin("t"))}), context
    )
    assert got == [built]


def test_a_kind_that_nobody_brings_is_named(site: Any) -> None:
    site.write("global: {}\n")
    with pytest.raises(StorageError, match="'tsdb' is not installed"):
        storage_kind(site.plan().config, Catalog())
