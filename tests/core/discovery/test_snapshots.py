from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from narthex.config.scrape import DiscoveryConfig
from narthex.discovery.snapshots import SnapshotFile, prune
from narthex.model.targetgroup import TargetGroup

GROUPS = (TargetGroup("s", ({"__address__": "h:1"},), {"env": "prod"}), TargetGroup("t", ({"__address__": "h:2"},)))
CONFIG = DiscoveryConfig("cmdb", ("https://cmdb", 5))
TEXT = st.text(max_size=8)
LABELS = st.dictionaries(TEXT, TEXT | st.just("\udcff"), max_size=3)
TARGETS = st.lists(st.builds(lambda labels: {**labels, "__address__": "h:1"}, LABELS), min_size=1, max_size=3)
SOME = st.lists(st.builds(TargetGroup, TEXT, TARGETS.map(tuple), LABELS), min_size=1, max_size=3)


@pytest.fixture
def file(tmp_path):
    return SnapshotFile(tmp_path / "groups", "node", CONFIG)


@given(SOME)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_groups_come_back_as_they_were(file, groups):
    file.save(groups, 1000.0)
    found = file.load(1001.0, 10.0)
    assert found.groups == tuple(groups)
    assert found.confirmed == 1000.0


def test_nothing_was_saved(file):
    assert file.load(0.0, 10.0) is None


def test_groups_grow_old_unless_they_are_confirmed(file):
    file.save(GROUPS, 1000.0)
    assert file.load(1011.0, 10.0) is None
    assert file.load(1e9, 0.0).groups == GROUPS
    file.confirm(1010.0)
    assert file.load(1011.0, 10.0).groups == GROUPS


def test_without_groups_there_is_no_file(file):
    file.save(GROUPS, 1000.0)
    file.save((), 1001.0)
    assert not file.path.exists()
    file.save((), 1002.0)
    file.confirm(1003.0)


def test_others_cannot_read_the_file(file):
    file.save(GROUPS, 1000.0)
    assert file.path.stat().st_mode & 0o777 == 0o600


def test_a_write_that_was_broken_off_is_no_hindrance(file):
    file.save(GROUPS[:1], 1000.0)
    file.path.with_suffix(".tmp").write_text("half")
    file.save(GROUPS, 1000.0)
    assert file.load(1000.0, 1.0).groups == GROUPS
    assert [one.name for one in file.path.parent.iterdir()] == [file.path.name]


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b'{"version": 2}', b'{"version": 1, "groups": [1]}', b'{"version":1,"groups":[{"targets":[{}]}]}'],
)
def test_rubbish_is_not_used(file, data):
    file.path.parent.mkdir()
    file.path.write_bytes(data)
    assert file.load(0.0, 0.0) is None


def test_a_job_has_its_own_file_for_each_block(tmp_path):
    other = DiscoveryConfig("cmdb", ("https://cmdb", 6))
    paths = {SnapshotFile(tmp_path, job, config).path for job in ("a", "b") for config in (CONFIG, other)}
    assert len(paths) == 4
    assert SnapshotFile(tmp_path, "a", DiscoveryConfig("cmdb", ("https://cmdb", 5))).path in paths


def test_files_of_jobs_that_are_long_gone_are_removed(file):
    file.save(GROUPS, 1000.0)
    stranger = file.path.parent / "notes.txt"
    stranger.touch()
    os.utime(stranger, (0, 0))
    prune(file.path.parent, 999.0)
    assert file.path.exists()
    prune(file.path.parent, 1001.0)
    assert not file.path.exists()
    assert stranger.exists()
