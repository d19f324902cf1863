"""The rules' own metrics, under Prometheus's names (reference §5.7). The label ``rule_group`` is ``file;group``."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary

__all__ = ["RuleMetrics"]

_LABEL = ("rule_group",)
_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0)


class RuleMetrics:
    """One for each registry; a group's series come with :meth:`add` and go with :meth:`remove`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str) -> Counter:
            return Counter(f"prometheus_rule_{name}", text, _LABEL, registry=registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"prometheus_rule_group_{name}", text, _LABEL, registry=registry)

        self.evaluations = counter("evaluations_total", "Rule evaluations.")
        self.failures = counter("evaluation_failures_total", "Rule evaluations that failed.")
        self.iterations = counter("group_iterations_total", "Group evaluations due, those missed included.")
        self.missed = counter("group_iterations_missed_total", "Group evaluations missed because of a slow one.")
        self.interval = gauge("interval_seconds", "Interval of a group.")
        self.last_evaluation = gauge("last_evaluation_timestamp_seconds", "When the last evaluation of a group began.")
        self.last_duration = gauge("last_duration_seconds", "How long the last evaluation of a group took.")
        self.last_rule_sum = gauge("last_rule_duration_sum_seconds", "Sum of the rules' times in the last evaluation.")
        self.last_restore = gauge("last_restore_duration_seconds", "How long restoring a group's alerts took.")
        self.rules = gauge("rules", "Number of rules in a group.")
        self.samples = gauge("last_evaluation_samples", "Samples that the last evaluation of a group gave.")
        self.rule_duration = Summary(
            "prometheus_rule_evaluation_duration_seconds", "How long a rule's evaluation takes.", registry=registry
        )
        self.rule_duration_histogram = Histogram(
            "prometheus_rule_evaluation_duration_histogram_seconds",
            "How long a rule's evaluation takes.",
            registry=registry,
            buckets=_BUCKETS,
        )
        self.group_duration = Summary(
            "prometheus_rule_group_duration_seconds", "How long a group's evaluation takes.", registry=registry
        )
        self.group_duration_histogram = Histogram(
            "prometheus_rule_group_duration_histogram_seconds",
            "How long a group's evaluation takes.",
            registry=registry,
            buckets=_BUCKETS,
        )

    def _by_group(self) -> tuple[Counter | Gauge, ...]:
        return (
            *(self.evaluations, self.failures, self.iterations, self.missed),
            *(self.interval, self.last_evaluation, self.last_duration, self.last_rule_sum),
            *(self.last_restore, self.rules, self.samples),
        )

    def add(self, group: str, interval: int, rules: int) -> None:
        """Begin a group's series at zero; ``interval`` is in ms."""
        for metric in self._by_group():
            metric.labels(group)
        self.interval.labels(group).set(interval / 1000)
        self.rules.labels(group).set(rules)

    def remove(self, group: str) -> None:
        """End a group's series."""
        for metric in self._by_group():
            metric.remove(group)

    def rule_evaluated(self, group: str, seconds: float, *, failed: bool) -> None:
        """Count one rule's evaluation."""
        self.evaluations.labels(group).inc()
        self.failures.labels(group).inc(int(failed))
        self.rule_duration.observe(seconds)
        self.rule_duration_histogram.observe(seconds)

    def group_evaluated(self, group: str, started: float, seconds: float, rules: float, samples: int) -> None:
        """Note one group's evaluation; ``started`` is in Unix seconds, ``rules`` the sum of the rules' times."""
        self.iterations.labels(group).inc()
        self.last_evaluation.labels(group).set(started)
        self.last_duration.labels(group).set(seconds)
        self.last_rule_sum.labels(group).set(rules)
        self.samples.labels(group).set(samples)
        self.group_duration.observe(seconds)
        self.group_duration_histogram.observe(seconds)

    def slots_missed(self, group: str, count: int) -> None:
        """Count evaluations that did not take place; they count as due."""
        self.missed.labels(group).inc(count)
        self.iterations.labels(group).inc(count)
