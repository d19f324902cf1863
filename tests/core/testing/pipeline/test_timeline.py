from __future__ import annotations

import pytest

SCRAPE = "  scrapes:\n  - text: |\n      a 1\n      go_x 2\n"


def test_samples_are_compared_after_metric_relabeling(failures):
    good = SCRAPE + '    samples: a{instance="h:1", job="node"} 1\n'
    assert failures(good) == []
    ((line, message, diff),) = failures(SCRAPE + '    samples: |\n      a{instance="h:1", job="node"} 2\n      b 1\n')
    assert (line, message) == (6, "samples differ")
    assert diff == ('- a{instance="h:1", job="node"} 2', '+ a{instance="h:1", job="node"} 1', "- b 1")


def test_a_scrape_may_fail_as_expected_and_no_other_way(failures):
    bad = "  scrapes:\n  - text: 'a {'\n"
    ((_, message, _),) = failures(bad)
    assert message.startswith("the scrape of http://h:1/metrics failed: ")
    many = "  scrapes:\n  - text: |\n" + "".join(f"      a{n} 1\n" for n in range(6))
    assert failures(many + "    error: sample limit exceeded\n") == []
    ((_, message, diff),) = failures(many + "    error: no such thing\n")
    assert message.endswith("does not fail as expected")
    assert diff[0] == "- no such thing"
    assert diff[1].startswith("+ sample limit exceeded")
    assert failures(SCRAPE + "    error: x\n")[0][2] == ("- x", "+ the scrape succeeded")


def test_a_scrape_is_repeated_at_the_targets_interval(failures):
    counted = SCRAPE + "    until: 2m\n  queries:\n  - {at: 2m, expr: 'count_over_time(a[10m])', samples: '%s'}\n"
    assert failures(counted % '{instance="h:1", job="node"} 5') == []
    assert len(failures(counted % '{instance="h:1", job="node"} 4')) == 1


def test_a_series_that_is_gone_has_ended(failures):
    keys = "  scrapes: [{text: a 1}, {at: 1m, text: b 1}]\n  queries: [{at: 1m, expr: a, samples: ''}]\n"
    assert failures(keys) == []


def test_only_the_targets_with_the_labels_answer(failures):
    groups = '[{targets: ["h:1", "i:1"]}]'
    keys = "  scrapes: [{target: {instance: 'i:1'}, text: a 1}]\n  queries: [{expr: a, samples: '%s'}]\n"
    assert failures(keys % 'a{instance="i:1",job="node"} 1', groups) == []
    ((_, message, _),) = failures("  scrapes: [{target: {instance: 'x'}, text: a 1}]\n", groups)
    assert message == 'no target has the labels {instance="x"}'


def test_a_target_cannot_answer_twice_at_once(failures):
    keys = "  scrapes:\n  - {text: a 1, until: 1m}\n  - {text: a 2, at: 1m}\n"
    assert failures(keys) == [(7, "a target is scraped twice at 1m", ())]


def test_recording_rules_run_after_the_scrapes_of_a_moment(failures):
    keys = SCRAPE + "  queries: [{expr: 'a:sum', samples: 'a:sum %d'}]\n"
    assert failures(keys % 1) == []
    assert failures(keys % 2) == [(9, "samples differ", ("- a:sum 2", "+ a:sum 1"))]


def test_alerts_are_compared_with_state_and_annotations(failures):
    down = "  scrapes: [{down: true, until: 5m}]\n  alerts:\n  - at: %s\n    alert: Down\n    active:%s\n"
    one = "\n    - {labels: {instance: 'h:1', job: node}, state: %s, annotations: {text: '%s'}}"
    assert failures(down % ("30s", one % ("pending", "h:1"))) == []
    assert failures(down % ("1m", one % ("firing", "h:1"))) == []
    ((line, message, diff),) = failures(down % ("1m", one % ("pending", "x")))
    assert (line, message.partition(":")[0]) == (10, "alert at 1m differs")
    assert diff == (
        "- state: pending",
        "+ state: firing",
        '- annotations: {text="x"}',
        '+ annotations: {text="h:1"}',
    )
    ((_, message, _),) = failures(down % ("1m", " []"))
    assert message == "alert at 1m was not expected"


def test_without_a_name_all_alerts_are_meant(failures):
    active = "[{labels: {alertname: Down, instance: 'h:1', job: node}}]"
    keys = "  scrapes: [{down: true, until: 5m}]\n  alerts: [{at: 1m, active: %s}]\n"
    assert failures(keys % active) == []
    assert len(failures(keys % "[]")) == 1


def test_a_rule_that_fails_is_a_failure(failures):
    rules = 'groups: [{name: g, rules: [{record: r, expr: \'label_replace(up, "a", "$1", "(", "")\'}]}]'
    rules = rules.replace('"(", ""', '"job", "("')
    found = failures("  scrapes: [{text: a 1}]\n  queries: [{expr: '1', samples: '{} 1'}]\n", rules=rules)
    ((_, message, _),) = found
    assert message.startswith("rule r of group g failed: ")


def test_a_query_that_fails_is_a_failure(failures):
    keys = "  scrapes: [{text: a 1}]\n  queries:\n  - {expr: 'a + on(job) group_left b{', samples: ''}\n"
    ((line, message, _),) = failures(keys)
    assert line == 7
    assert message.startswith("query failed: ")


@pytest.mark.parametrize("expr", ["'\"text\"'", "'a[5m]'"])
def test_answers_that_are_no_samples_are_failures(failures, expr):
    assert len(failures(f"  scrapes: [{{text: a 1}}]\n  queries: [{{expr: {expr}, samples: ''}}]\n")) == 1
