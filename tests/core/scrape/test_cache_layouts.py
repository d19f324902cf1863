"""Targets that expose what others expose: what is known of a layout serves them all, and changes nothing."""

from dataclasses import replace

import pytest
from tests.core.scrape.cached import Target, bits, drop

from narthex.errors import ExpositionError
from narthex.model.labels import Labels
from narthex.relabel.rules import Rules
from narthex.scrape.cache import SampleLimitError
from narthex.scrape.templates import Common
from narthex_plugins.exposition import OPENMETRICS, TEXT


class Watched(Target):
    """A target of such a job."""

    def __init__(self, common, host, **options):
        super().__init__(common.kind, common, target=Labels({"job": "j", "host": host}), **options)


class Job(Common):
    """What targets have in common whose parser counts its calls."""

    def __init__(self):
        super().__init__()
        self.parsed = 0
        self.kind = replace(TEXT, parse=self._parse)
        self.others = []

    def expose(self, body, **options):
        """Let two targets expose this."""
        for host in ("one", "two"):
            self.others.append(Watched(self, host, **options))
            self.others[-1].scrape(body)

    def _parse(self, body, content_type):
        self.parsed += 1
        return TEXT.parse(body, content_type)


FLEET = '# HELP a x\n# TYPE a counter\na{x="1"} %d\na{x="2",drop="1"} 2\nb %d\n# EOF\n'


def no_rules():
    return Rules()


def dropping():
    return Rules([drop], ["drop"])


@pytest.mark.parametrize("rules", [no_rules, dropping])
def test_the_third_target_with_a_layout_is_not_parsed(rules):
    job, alone = Job(), Job()
    job.expose(FLEET % (1, 2), rules=rules())
    before = job.parsed
    third, other = Watched(job, "third", rules=rules()), Watched(alone, "third", rules=rules())
    for bodies in (FLEET % (3, 4), FLEET % (5, 6), (FLEET % (7, 8)).replace("b", "c"), 'a{x="1"} 9\n'):
        third.scrape(bodies)
        other.scrape(bodies)
        if bodies == FLEET % (5, 6):
            assert job.parsed == before
        assert third.cache.counts == other.cache.counts
        assert third.cache.families == other.cache.families
    found, expected = (
        {labels: [(when, bits(value)) for when, value in samples] for labels, samples in one.storage.samples().items()}
        for one in (third, other)
    )
    assert found == expected
    assert {labels["host"] for labels in third.storage.samples() if labels["__name__"] == "a"} == {"third"}


@pytest.mark.parametrize(
    "body", ["a 1\na 2\n", "a 1 5\n", 'a{job="x"} 1\n', 'a{exported_job="y",job="x"} 1\n', "a 1", 'a{job=""} 1\n']
)
@pytest.mark.parametrize("honor", [False, True])
def test_unusual_bodies_mean_the_same_for_the_third_target(body, honor):
    job, alone = Job(), Job()
    job.expose(body, rules=Rules(), honor_labels=honor)
    third, other = (Watched(one, "third", rules=Rules(), honor_labels=honor) for one in (job, alone))
    for _ in range(2):
        third.scrape(body)
        other.scrape(body)
        assert third.cache.counts == other.cache.counts
    assert third.storage.samples() == other.storage.samples()


def test_limits_hold_for_the_third_target():
    job = Job()
    job.expose(FLEET % (1, 2))
    third = Watched(job, "third", rules=Rules(), sample_limit=2)
    with pytest.raises(SampleLimitError):
        third.scrape(FLEET % (1, 2))
    assert (third.cache.counts.scraped, third.cache.counts.kept, third.cache.counts.added) == (3, 3, 2)
    assert third.values("b") == []


def test_a_template_is_for_its_format_only():
    job = Job()
    job.expose("a 1\n")
    third = Watched(job, "third")
    third.kind = OPENMETRICS
    with pytest.raises(ExpositionError, match="EOF"):
        third.scrape("a 1\n")
