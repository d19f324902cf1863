"""Which storage is built, and how long it keeps samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from narthex.config.types import Duration
from narthex.errors import StorageError
from narthex.kinds import BuildContext, StorageKind
from narthex.plugins.catalog import Catalog, Contribution, Origin
from narthex.server.storage import build_storage, needs_restart, retention, storage_kind
from narthex.testing.storage import MemoryStorage

DAY = 86_400_000
IN_FILE = "storage: {tsdb: {retention: {time: 3d}}}\n"
OWN = "narthex: {storage: {tsdb: {retention: 2d}}}\n"


@pytest.mark.parametrize(
    ("text", "flag", "days"),
    [
        ("", 5, 5),
        (IN_FILE, 5, 3),
        (OWN, 5, 2),
        (IN_FILE + OWN, 5, 2),
        ("", 0, 15),
        (IN_FILE.replace("3d", "0s"), 5, 15),
    ],
)
def test_the_file_wins_over_the_flag_and_zero_means_the_default(site: Any, text: str, flag: int, days: int) -> None:
    site.write(text or "global: {}\n")
    assert retention(site.plan().config, site.server_options(storage_retention=Duration(flag * DAY))) == days * DAY


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [
        ("", "storage: {tsdb: {retention: {time: 15d}}}\n", ""),
        ("", IN_FILE, "storage.tsdb.retention"),
        ("", "storage: {tsdb: {retention: {size: 5GB}}}\n", "storage.tsdb.retention.size"),
        ("", "storage: {tsdb: {out_of_order_time_window: 5m}}\n", "storage.tsdb.out_of_order_time_window"),
        ("", "narthex: {storage: {memory: {}}}\n", "narthex.storage"),
        (OWN, OWN + IN_FILE, ""),
    ],
)
def test_what_the_storage_cannot_take_up_while_it_runs_is_named(site: Any, before: str, after: str, key: str) -> None:
    configs = []
    for text in (before, after):
        site.write(text or "global: {}\n")
        configs.append(site.plan().config)
    assert needs_restart(configs[1], configs[0], site.server_options(storage_retention=Duration(0))) == key


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
