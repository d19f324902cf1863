"""Exemplars, from bodies to the ring."""

from __future__ import annotations

from narthex.config.relabel import RelabelConfig
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchOp
from narthex.plugins.catalog import Catalog, Contribution, Origin
from narthex.relabel.rules import Rules, compile_rules
from narthex.scrape.cache import CacheOptions, SeriesCache
from narthex.scrape.identity import SeriesIdentity
from narthex.scrape.row import Row
from narthex.storage.exemplars import ExemplarRing
from narthex.testing.storage import MemoryStorage
from narthex_plugins.exposition import OPENMETRICS
from narthex_plugins.relabel_actions import narthex_relabel_actions

BODY = '# TYPE x counter\nx_total {0} # {{id="{1}"}} 0.5 {2}\ny 1\n# EOF\n'
ORIGIN = Origin("narthex_plugins", "narthex", "0")
CATALOG = Catalog(relabel={one.name: Contribution(one, ORIGIN) for one in narthex_relabel_actions()})


class Target:
    def __init__(self, *rules: RelabelConfig) -> None:
        self.ring = ExemplarRing(100)
        identity = SeriesIdentity(Labels({"job": "j"}), compile_rules(rules, CATALOG) if rules else Rules())
        row = Row(MemoryStorage(), 1000, 0, [identity.report("up")])
        self.cache = SeriesCache(row, identity, CacheOptions(exemplars=self.ring))
        self.now = 1_000_000

    def scrape(self, body: str) -> None:
        self.cache.take(body.encode(), OPENMETRICS, "application/openmetrics-text", self.now)
        self.cache.commit([1.0])
        self.now += 1000

    def kept(self) -> list[tuple[str, int]]:
        found = self.ring.select([[Matcher(MatchOp.EQUAL, "__name__", "x_total")]], 0, 1 << 53)
        assert all(labels == Labels({"__name__": "x_total", "job": "j"}) for labels, _ in found)
        return [(one.labels["id"], one.time) for _, several in found for one in several]


def test_new_exemplars_are_kept_and_those_of_the_last_scrape_are_no_news() -> None:
    target = Target()
    target.scrape(BODY.format(1, "a", 999))
    target.scrape(BODY.format(2, "a", 999))
    target.scrape(BODY.format(3, "b", 1001.5))
    assert target.kept() == [("a", 999_000), ("b", 1_001_500)]
    assert target.cache.counts.exemplars_refused == 0


def test_without_a_time_it_is_that_of_the_scrape() -> None:
    target = Target()
    target.scrape(BODY.format(1, "a", "").replace(" \n", "\n"))
    assert target.kept() == [("a", 1_000_000)]


def test_older_ones_are_refused_and_counted() -> None:
    target = Target()
    target.scrape(BODY.format(1, "a", 999))
    target.scrape(BODY.format(2, "b", 998))
    assert target.kept() == [("a", 999_000)]
    assert target.cache.counts.exemplars_refused == 1


def test_a_series_that_relabeling_drops_has_none() -> None:
    target = Target(RelabelConfig(source_labels=("__name__",), regex="x_total", action="drop"))
    target.scrape(BODY.format(1, "a", 999))
    assert len(target.ring) == 0
