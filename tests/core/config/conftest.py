"""A small catalog: kinds with configs of their own, so that the loader is tested without any shipped plugin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from narthex.config.types import Duration, FilePath, LabelName, Secret, Url
from narthex.kinds import DiscoveryKind, ReceiverKind, RelabelAction, ScrapeKind, StorageKind
from narthex.plugins.catalog import Catalog, Contribution, Origin

ORIGIN = Origin("test", "test-dist", "1.0")


@dataclass(frozen=True)
class StaticGroup:
    targets: tuple[str, ...] = ()
    labels: Mapping[LabelName, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Cmdb:
    url: Url
    token: Secret | None = None
    files: tuple[FilePath, ...] = ()
    refresh_interval: Duration = Duration(60_000)


@dataclass(frozen=True)
class Disk:
    slots: int = 8


@dataclass(frozen=True)
class Pager:
    url: Url


def unused(*_):
    raise AssertionError("the loader builds nothing")


def check_replace(rule, legacy):
    if not rule.target_label:
        yield "target_label", "replace needs a target_label"
    elif legacy and "." in rule.target_label:
        yield "target_label", f"{rule.target_label!r} is no legacy label name"


@pytest.fixture
def catalog():
    discovery = [DiscoveryKind("static", StaticGroup, unused, merge=True), DiscoveryKind("cmdb", Cmdb, unused)]
    actions = [
        RelabelAction("replace", unused, check=lambda rule, legacy: tuple(check_replace(rule, legacy))),
        RelabelAction("drop", unused),
    ]
    texts = ScrapeKind("text", (("PrometheusText0.0.4", "text/plain"), ("Other", "text/other")), (), unused)

    def stage(kinds):
        return {one.name: Contribution(one, ORIGIN) for one in kinds}

    return Catalog(
        discovery=stage(discovery),
        relabel=stage(actions),
        scrape=stage([texts]),
        storage=stage([StorageKind("disk", Disk, unused), StorageKind("cloud", Disk, unused)]),
        receivers=stage([ReceiverKind("pager", Pager, unused)]),
    )
