from __future__ import annotations

from narthex.explain.instance import discovered_groups, incomplete_jobs, same_discovery, series_counts
from narthex.model.labels import Labels
from narthex.model.targetgroup import SourcedGroup, TargetGroup
from narthex.relabel.rules import compile_rules
from narthex.targets import targets

CONFIG = """
scrape_configs:
- job_name: j
  metrics_path: /m
  relabel_configs: [{source_labels: [env], regex: test, action: drop}]
"""


def test_targets_read_from_the_api_give_the_same_targets_again(config, catalog):
    (job,) = config(CONFIG).scrape_configs
    rules = compile_rules(job.relabel_configs, catalog)
    own = ({"__address__": "a:1", "env": "prod"}, {"__address__": "b:1", "env": "test", "__metrics_path__": "/x"})
    found = targets(job, [SourcedGroup("file/0", TargetGroup("s", own))], rules)
    answer = {
        "activeTargets": [{"discoveredLabels": dict(one.discovered), "scrapePool": "j"} for one in found.active],
        "droppedTargets": [{"discoveredLabels": dict(one.discovered)} for one in found.dropped],
    }
    groups = discovered_groups(answer, [job])
    assert groups["j"][0].group.targets == own
    again = targets(job, groups["j"], rules)
    assert (again.active, again.dropped) == (found.active, found.dropped)


def test_a_job_without_targets_has_no_group(config):
    assert discovered_groups({"activeTargets": [], "droppedTargets": []}, config(CONFIG).scrape_configs) == {"j": []}


def test_dropped_targets_that_are_not_told_are_noticed():
    dropped = [{"discoveredLabels": {}, "scrapePool": "a"}, {"discoveredLabels": {}, "scrapePool": "b"}]
    answer = {"droppedTargets": dropped, "droppedTargetCounts": {"a": 5, "b": 1}}
    assert incomplete_jobs(answer) == {"a"}
    assert incomplete_jobs({"droppedTargets": dropped}) == frozenset()


def test_discovery_is_compared_without_secrets_and_without_the_rest(config):
    text = "scrape_configs: [{job_name: j, scrape_interval: 15s, static_configs: [{targets: [a]}]}]"
    one, same, other = (
        config(each).scrape_configs[0] for each in (text, text.replace("15s", "20s"), text.replace("[a]", "[b]"))
    )
    assert same_discovery(one, same)
    assert not same_discovery(one, other)


def test_series_are_counted_by_target():
    metric = {"__name__": "scrape_samples_post_metric_relabeling", "job": "j", "instance": "a:1"}
    assert series_counts([{"metric": metric, "value": [1, "12"]}]) == {Labels({"job": "j", "instance": "a:1"}): 12}
