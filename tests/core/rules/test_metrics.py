"""The rules' own metrics."""

from prometheus_client import CollectorRegistry

from narthex.rules.metrics import RuleMetrics

BY_GROUP = {
    "evaluations_total",
    "evaluation_failures_total",
    "group_iterations_total",
    "group_iterations_missed_total",
    "group_interval_seconds",
    "group_last_evaluation_timestamp_seconds",
    "group_last_duration_seconds",
    "group_last_rule_duration_sum_seconds",
    "group_last_restore_duration_seconds",
    "group_rules",
    "group_last_evaluation_samples",
}


def names(registry, group):
    return {
        sample.name.removeprefix("prometheus_rule_")
        for family in registry.collect()
        for sample in family.samples
        if sample.labels.get("rule_group") == group and not sample.name.endswith("_created")
    }


def test_group_series_come_at_zero_and_go_with_the_group():
    registry = CollectorRegistry()
    metrics = RuleMetrics(registry)
    metrics.add("f;g", 30_000, 4)
    assert names(registry, "f;g") == BY_GROUP
    assert registry.get_sample_value("prometheus_rule_group_interval_seconds", {"rule_group": "f;g"}) == 30.0
    assert registry.get_sample_value("prometheus_rule_evaluation_failures_total", {"rule_group": "f;g"}) == 0.0
    metrics.remove("f;g")
    assert names(registry, "f;g") == set()


def test_durations_are_counted_as_summary_and_histogram():
    registry = CollectorRegistry()
    metrics = RuleMetrics(registry)
    metrics.rule_evaluated("f;g", 0.25, failed=True)
    metrics.group_evaluated("f;g", 1000.0, 0.5, 0.25, 7)
    for kind, seconds in (("evaluation", 0.25), ("group", 0.5)):
        for name in (f"{kind}_duration_seconds", f"{kind}_duration_histogram_seconds"):
            assert registry.get_sample_value(f"prometheus_rule_{name}_sum") == seconds
