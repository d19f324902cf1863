from __future__ import annotations

import pytest

from narthex.explain.duplicates import find_duplicates
from narthex.model.targetgroup import SourcedGroup, TargetGroup
from narthex.relabel.rules import compile_rules
from narthex.targets import targets

CONFIG = "scrape_configs: [{job_name: j, relabel_configs: [{action: labeldrop, regex: n}]}]"


def group(provider, source, *addresses, **labels):
    return SourcedGroup(provider, TargetGroup(source, tuple({"__address__": one} for one in addresses), labels))


@pytest.fixture
def find(config, catalog):
    (job,) = config(CONFIG).scrape_configs
    rules = compile_rules(job.relabel_configs, catalog)

    def run(*groups, limit=None):
        found = find_duplicates(job, groups, rules, limit)
        assert limit or len(found) == targets(job, groups, rules).duplicates
        return [(one.target.url, one.first, one.second) for one in found]

    return run


def test_both_origins_are_named(find):
    first, second = group("file/0", "a", "h:1", "i:1", n="1"), group("http/1", "b", "h:1", n="2")
    assert find(first, second) == [("http://h:1/metrics", "file/0 a", "http/1 b")]


def test_a_group_may_hold_a_target_twice(find):
    assert (
        find(group("file/0", "a", "h:1", "i:1", "h:1", "h:1")) == [("http://h:1/metrics", "file/0 a", "file/0 a")] * 2
    )


def test_every_repetition_counts_and_is_compared_with_the_first(find):
    groups = [group("file/0", source, "h:1") for source in "abc"]
    assert [one[1:] for one in find(*groups)] == [("file/0 a", "file/0 b"), ("file/0 a", "file/0 c")]
    assert len(find(*groups, limit=1)) == 1


def test_dropped_and_different_targets_are_no_duplicates(find):
    assert find(group("file/0", "a", "h:1", "bad/x", "bad/x"), group("file/0", "b", "h:1", env="x")) == []
