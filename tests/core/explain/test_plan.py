from __future__ import annotations

import pytest

from narthex.explain.plan import Side, make_plan
from narthex.model.labels import Labels
from narthex.model.targetgroup import SourcedGroup, TargetGroup
from narthex.relabel.rules import compile_rules
from narthex.targets import targets

BASE = """
global: {scrape_interval: 15s}
scrape_configs:
- job_name: a
- job_name: b
"""


@pytest.fixture
def side(config, catalog):
    def made(text, addresses=("h:1", "i:1"), **more):
        loaded = config(text)
        group = SourcedGroup("file/0", TargetGroup("s", tuple({"__address__": one} for one in addresses)))
        sets = {
            job.job_name: targets(job, [group], compile_rules(job.relabel_configs, catalog))
            for job in loaded.scrape_configs
        }
        return Side(loaded, sets, **more)

    return made


def test_nothing_changes_between_equal_sides(side):
    plan = make_plan(side(BASE), side(BASE))
    assert not plan
    assert plan.as_json() == {"changes": False, "jobs": [], "rules": [], "settings": []}


def test_only_jobs_that_change_are_in_the_plan(side):
    plan = make_plan(side(BASE), side(BASE.replace("- job_name: b", "- {job_name: b, metrics_path: /m}")))
    (job,) = plan.jobs
    assert (job.job, job.state, job.count("changed"), job.unchanged) == ("b", "changed", 2, 0)


def test_jobs_are_added_and_removed(side):
    plan = make_plan(side(BASE), side(BASE.replace("job_name: b", "job_name: c")))
    assert [(one.job, one.state, one.count("added"), one.count("removed")) for one in plan.jobs] == [
        ("b", "removed", 0, 2), ("c", "added", 2, 0)
    ]  # fmt: skip


def test_series_that_end_are_counted_as_far_as_known(side):
    known = {Labels({"job": "a", "instance": "i:1"}): 70, Labels({"job": "b", "instance": "i:1"}): 7}
    plan = make_plan(side(BASE, series=known), side(BASE, ["h:1"]))
    assert [one.ending for one in plan.jobs] == [70, 7]


def test_metric_relabeling_makes_series_unsure(side):
    rules = "- {job_name: b, metric_relabel_configs: [{action: labeldrop, regex: x}]}"
    (job,) = make_plan(side(BASE), side(BASE.replace("- job_name: b", rules))).jobs
    assert (job.targets, job.unsure) == ((), 2)


def test_settings_outside_of_jobs_are_compared(side):
    plan = make_plan(side(BASE), side(BASE.replace("15s}", "15s, evaluation_interval: 30s}")))
    assert [(one.path, one.before, one.after) for one in plan.settings] == [
        ("global.evaluation_interval", ("1m",), ("30s",))
    ]
