"""The storage kind that keeps nothing: the contract, its retention, and how it is chosen."""

from __future__ import annotations

import json

import numpy as np
import pytest

from narthex.config.load import parse_config
from narthex.config.types import Duration
from narthex.errors import ConfigError
from narthex.plugins.host import PluginHost
from narthex.storage.memory import MemoryStorage
from narthex.storage.protocol import Batch
from narthex.testing.contract import StorageContract
from narthex.testing.rigs import StorageRig
from narthex.testing.storage_contract import family, row, samples
from narthex_plugins import memory, tsdb
from narthex_plugins.memory import MemoryConfig

CATALOG = PluginHost({"memory": memory, "tsdb": tsdb}, scan=False).catalog()


class MemoryRig(StorageRig):
    plugin = memory
    kind = "memory"
    durable = False


class TestContract(StorageContract):
    @pytest.fixture
    def rig(self):
        return MemoryRig()


def test_samples_older_than_the_retention_go_and_their_series_are_not_shown():
    now = [1000.0]
    storage = MemoryStorage(60_000, lambda: now[0])
    old, young = storage.open_lane(1000, 0), storage.open_lane(1000, 0)
    old.extend(storage.register(family(2)[:1]))
    young.extend(storage.register(family(2)[1:]))
    storage.append(row(old, 1_000_000, 1.0))
    for step in range(100):
        now[0] = 1000.0 + step
        storage.append(row(young, int(now[0]) * 1000, float(step)))
    times = [time for time, _ in samples(storage)[family(2)[1]]]
    assert 60 <= len(times) <= 64  # a retention, and what has come since it was last looked after
    assert list(samples(storage)) == family(2)[1:]
    assert storage.label_values("i", [], 0, 1 << 50) == ["1"]


def test_a_reference_stays_valid_when_its_samples_have_gone():
    now = [1000.0]
    storage = MemoryStorage(60_000, lambda: now[0])
    lane = storage.open_lane(1000, 0)
    lane.extend(storage.register(family(1)))
    storage.append(row(lane, 1_000_000, 1.0))
    now[0] = 2000.0
    storage.append(Batch(storage.open_lane(1000, 0), 2_000_000, np.zeros(0)))
    assert samples(storage) == {}
    storage.append(row(lane, 2_000_000, 2.0))
    assert len(samples(storage)[family(1)[0]]) == 1


@pytest.mark.parametrize(
    ("text", "config"),
    [
        ("narthex: {storage: {memory: {}}}", MemoryConfig()),
        ("narthex: {storage: {memory: {retention: 2h}}}", MemoryConfig(Duration(7_200_000))),
    ],
)
def test_it_is_chosen_by_its_name(text, config):
    choice = parse_config(text, "prometheus.yml", CATALOG).narthex.storage
    assert (choice.kind, choice.config) == ("memory", config)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"memory": {"retention": "0s"}}, "must be longer than zero"),
        ({"memory": {}, "tsdb": {}}, "only one storage kind can be used, here are memory, tsdb"),
        ({"memory": {"path": "data"}}, "unknown"),
        ({"memori": {}}, "did you mean 'memory'"),
    ],
)
def test_a_section_that_cannot_be_is_refused(section, message):
    with pytest.raises(ConfigError, match=message):
        parse_config(json.dumps({"narthex": {"storage": section}}), "prometheus.yml", CATALOG)
