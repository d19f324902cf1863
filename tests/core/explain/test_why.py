from __future__ import annotations

import pytest

from narthex.discovery.gate import HeldUpdate, RestoredGroups
from narthex.discovery.state import DiscovererStatus, State
from narthex.explain.why import JobEvidence, Question, why_target
from narthex.model.targetgroup import SourcedGroup, TargetGroup
from narthex.relabel.rules import compile_rules
from narthex.scrape.status import TargetStatus
from narthex.targets import targets

JOBS = """
scrape_configs:
- job_name: node
  relabel_configs:
  - {source_labels: [env], regex: test, action: drop}
  - {source_labels: [name], regex: (.+), target_label: instance}
  - {action: labeldrop, regex: name}
- job_name: probe
"""


def group(source, *addresses, provider="file/0", **labels):
    return SourcedGroup(provider, TargetGroup(source, tuple({"__address__": one} for one in addresses), labels))


def status(provider="file/0", jobs=("node",), last_success=100.0, error=""):
    state = State.OK if last_success else State.RETRYING
    return DiscovererStatus(provider, "file", jobs, None, state, error, last_success, 0, {}, 1, 2)


@pytest.fixture
def ask(config, catalog):
    jobs = {one.job_name: one for one in config(JOBS).scrape_configs}

    def run(text, groups, discoverers=(), job="node", **more):
        config = jobs[job]
        rules = compile_rules(config.relabel_configs, catalog)
        active = targets(config, groups, rules).active
        scrapes = [TargetStatus(one, "up", "", 90_000, 0.1) for one in active]
        return why_target(Question.parse(text), [JobEvidence(config, rules, groups, scrapes)], discoverers, **more)

    return run


def test_an_active_target_tells_whence_it_is_and_how_its_scrapes_go(ask):
    answer = ask("h:1", [group("a.json:0", "g:1", "h:1")], [status()])
    (finding,) = answer.findings
    assert (answer.state, finding.provider, finding.source) == ("active", "file/0", "a.json:0")
    assert finding.explanation.url == "http://h:1/metrics"
    told = answer.as_json(now=130.0)["findings"][0]
    assert (told["health"], told["lastScrapeAge"], told["discoveredAge"]) == ("up", 40.0, 30.0)


def test_a_dropped_target_names_its_rule(ask):
    answer = ask("h:1", [group("s", "h:1", env="test")])
    assert (answer.state, answer.findings[0].explanation.reason) == ("dropped", "dropped by relabel_configs[0]")


def test_a_failed_target_tells_the_reason(ask):
    answer = ask("instance=bad", [group("s", "a/b", instance="bad")])
    assert (answer.state, answer.findings[0].explanation.reason) == ("failed", '"a/b" is not a valid hostname')


def test_a_duplicate_names_the_target_it_equals(ask):
    answer = ask("h:1", [group("a", "h:1"), group("b", "h:1", provider="http/1")])
    assert [(one.state, one.same_as) for one in answer.findings] == [("active", ""), ("duplicate", "file/0 a")]


def test_what_nobody_discovered_tells_who_was_asked_and_what_is_similar(ask):
    discoverers = [status(), status("dns/1", last_success=None, error="SERVFAIL"), status("file/2", ("other",))]
    answer = ask("10.0.0.1:9100", [group("s", "10.0.0.2:9100", "x:1")], discoverers)
    assert (answer.state, answer.findings, answer.similar) == ("not discovered", (), ("10.0.0.2:9100",))
    told = answer.as_json(now=130.0)["discoverers"]
    assert [(one["provider"], one["lastSuccessAge"], one["lastError"]) for one in told] == [
        ("file/0", 30.0, ""),
        ("dns/1", None, "SERVFAIL"),
    ]


@pytest.mark.parametrize(
    "text", ["h:1", "h", "http://h:1/metrics", "db", "env=prod", '{name="db"}', "instance=db", "__address__=h:1"]
)
def test_a_target_is_recognised_by_what_people_know_of_it(ask, text):
    answer = ask(text, [group("s", "h:1", env="prod", name="db"), group("t", "i:2", env="x")])
    assert [one.source for one in answer.findings] == ["s"]


def test_the_best_news_of_several_comes_first(ask):
    answer = ask("h", [group("a", "h:1", env="test"), group("b", "h:2")])
    assert [one.state for one in answer.findings] == ["active", "dropped"]
    assert answer.state == "active"


def test_no_more_is_traced_than_anybody_reads(ask):
    answer = ask("job=probe", [group("s", *(f"h:{n}" for n in range(150)))], job="probe")
    assert len(answer.findings) == 100


@pytest.mark.parametrize("text", ["", "  ", "{", "=x"])
def test_what_is_no_question_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        Question.parse(text)


def test_held_updates_and_unconfirmed_groups_of_the_providers_concerned_are_told(ask):
    held = [HeldUpdate("node", name, "file", "too few", 100.0, 400.0, 9, 1, 8) for name in ("file/0", "dns/1")]
    restored = [RestoredGroups("node", "file/0", "file", 70.0, 9), RestoredGroups("probe", "file/0", "file", 70.0, 9)]
    found = ask("h:1", [group("s", "h:1")], [status(), status("dns/1")], held=held, restored=restored).as_json(130.0)
    assert found["held"] == [
        {"scrapePool": "node", "provider": "file/0", "reason": "too few", "age": 30.0, "targetsKept": 8}
    ]
    assert found["restored"] == [{"scrapePool": "node", "provider": "file/0", "confirmedAge": 60.0, "targets": 9}]
    unknown = ask("x:1", [group("s", "h:1")], [status(), status("dns/1")], held=held, restored=restored)
    assert (unknown.held, unknown.restored) == (tuple(held), (restored[0],))
