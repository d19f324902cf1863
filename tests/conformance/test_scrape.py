"""Prometheus's own scrape cases: one target's bodies to stored samples, and what is asked for."""

from __future__ import annotations

import base64
import re

import numpy as np
import pytest
from tests.conformance.cases import decoded, histogram_of, params

from narthex.config.relabel import RelabelConfig
from narthex.config.scrape import ScrapeConfig
from narthex.errors import ScrapeError
from narthex.model import histogram as histograms
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchOp
from narthex.model.sample import STALE_NAN_BITS
from narthex.plugins.catalog import Catalog, Contribution, Origin
from narthex.relabel.rules import compile_rules
from narthex.scrape.cache import CacheOptions, SeriesCache
from narthex.scrape.exposition import StartTimestamps
from narthex.scrape.formats import Formats, HistogramSwitches, ScrapeFeatures
from narthex.scrape.identity import LabelLimits, SeriesIdentity
from narthex.scrape.negotiate import accept_header
from narthex.scrape.resolution import BucketLimitError, Resolution, finest_schema
from narthex.scrape.row import Row
from narthex.storage.exemplars import ExemplarRing, StoredExemplar
from narthex.testing.storage import MemoryStorage
from narthex_plugins.exposition import OPENMETRICS, PROTOBUF, TEXT
from narthex_plugins.relabel_actions import narthex_relabel_actions

KINDS = (OPENMETRICS, TEXT, PROTOBUF)
ORIGIN = Origin("narthex_plugins", "narthex", "0")
CATALOG = Catalog(relabel={one.name: Contribution(one, ORIGIN) for one in narthex_relabel_actions()})
FIRST = 1_000_000


class Scraped:
    """A target of a case, scraped once a second from ``FIRST`` on."""

    def __init__(self, case):
        self.storage = MemoryStorage()
        configs = [
            RelabelConfig(**{**config, "source_labels": tuple(config.get("source_labels", ()))})
            for config in case.get("metric_relabel_configs", ())
        ]
        limits = [case.get(name, 0) for name in ("label_limit", "label_name_length_limit", "label_value_length_limit")]
        identity = SeriesIdentity(
            Labels(case.get("target_labels", {})),
            compile_rules(configs, CATALOG),
            case.get("honor_labels", False),
            LabelLimits(*limits),
        )
        options = CacheOptions(
            case.get("honor_timestamps", True),
            case.get("track_timestamps_staleness", False),
            case.get("sample_limit", 0),
            starts=StartTimestamps.STORED if takes_starts(case) else StartTimestamps.IGNORED,
            exemplars=ExemplarRing(100),
        )
        self.exemplars = options.exemplars
        switches = HistogramSwitches(
            case.get("scrape_native_histograms", False), case.get("always_scrape_classic_histograms", False)
        )
        self.formats = Formats(KINDS, ScrapeConfig("j"), switches, ScrapeFeatures(options.starts))
        self.cache = SeriesCache(Row(self.storage, 1000, 0, [identity.report("up")]), identity, options)
        self.scrapes = 0

    def scrape(self, body, content_type="text/plain"):
        now = FIRST + 1000 * self.scrapes
        self.scrapes += 1
        try:
            data = body if isinstance(body, bytes) else body.encode()
            self.cache.take(data, self.formats.choose(content_type), content_type, now)
        except ScrapeError:
            self.cache.fail(now)
            raise
        finally:
            self.cache.commit([1.0])

    def samples(self):
        """Labels, time and value of every sample that is no report."""
        return [
            (dict(labels), when, value)
            for labels, samples in self.storage.samples().items()
            if labels["__name__"] != "up"
            for when, value in samples
        ]


def takes_starts(case):
    return any("start_timestamp_ms" in one for one in case.get("samples", ()))


def stale(value):
    return int(np.float64(value).view(np.int64)) == STALE_NAN_BITS


def names(labels):
    return {"name" if name == "__name__" else name: value for name, value in labels.items()}


def same(found, wanted):
    return len(found) == len(wanted) and all(
        one[:2] == other[:2] and (stale(one[2]) if other[2] == "StaleNaN" else one[2] == other[2])
        for one, other in zip(sorted(found, key=str), sorted(wanted, key=str), strict=True)
    )


@pytest.mark.parametrize("case", params("scrape/append.json"))
def test_appended_samples(case):
    target = Scraped(case)
    target.scrape(case["body"] if "body" in case else base64.b64decode(case["body_base64"]), case["content_type"])
    when = {"scrape time": FIRST}
    wanted = [
        (one["labels"], when.get(one["timestamp_ms"], one["timestamp_ms"]), decoded(one["value"]))
        for one in case["samples"]
        if "value" in one
    ]
    assert same(target.samples(), wanted)
    held = {Labels(one["labels"]): histogram_of(one["histogram"]) for one in case["samples"] if "histogram" in one}
    found = {labels: histogram for labels, ((_, histogram),) in target.storage.histograms().items()}
    assert found.keys() == held.keys()
    assert all(histograms.same(found[labels], histogram) for labels, histogram in held.items())
    for one in case["samples"]:
        exemplars = [
            StoredExemplar(
                Labels(own["labels"]), decoded(own["value"]), when.get(own["timestamp_ms"], own["timestamp_ms"])
            )
            for own in one.get("exemplars") or ()
        ]
        matchers = [Matcher(MatchOp.EQUAL, name, value) for name, value in one["labels"].items()]
        assert target.exemplars.select([matchers], 0, 1 << 53) == (
            [(Labels(one["labels"]), exemplars)] if exemplars else []
        )
        if "start_timestamp_ms" in one:
            ((_, start),) = target.storage.starts(**names(one["labels"]))[Labels(one["labels"])]
            assert start == one["start_timestamp_ms"]


@pytest.mark.parametrize("case", params("scrape/label_limits.json"))
def test_label_limits(case):
    target = Scraped(case)
    if case["error"]:
        with pytest.raises(ScrapeError):
            target.scrape(case["body"])
        assert target.samples() == []
    else:
        target.scrape(case["body"])
        assert len(target.samples()) == 1


@pytest.mark.parametrize("case", params("scrape/behaviour.json"))
def test_behaviour_over_several_scrapes(case):
    target = Scraped(case)
    for scrape in case["scrapes"]:
        if "error" in scrape:
            with pytest.raises(ScrapeError, match=re.escape(scrape["error"])):
                target.scrape(scrape["body"])
        else:
            target.scrape(scrape["body"])
        counts = target.cache.counts
        found = {
            "samples_scraped": counts.scraped,
            "samples_post_metric_relabeling": counts.kept,
            "series_added": counts.added,
        }
        assert {name: scrape[name] for name in found if name in scrape}.items() <= found.items()
    wanted = [
        (
            one.get("labels") or {"__name__": one["metric"]},
            FIRST + 1000 * one["scrape"] if "scrape" in one else one["timestamp_ms"],
            one["value"],
        )
        for one in case["samples"]
    ]
    assert same(target.samples(), wanted)


@pytest.mark.parametrize("case", params("scrape/accept_header.json"))
def test_the_accept_header(case):
    assert accept_header(KINDS, case["scrape_protocols"], case["escaping"]) == case["accept"]


@pytest.mark.parametrize("case", params("scrape/histogram_limits.json"))
def test_histogram_limits(case):
    if case["kind"] == "pick_schema_from_min_bucket_factor":
        assert finest_schema(case["factor"]) == case["schema"]
        return
    factor = 2 ** (2 ** -case["max_schema"]) if "max_schema" in case else 0
    resolution = Resolution(case.get("limit", 0), factor)
    histogram = histogram_of(case["histogram"])
    if case.get("error"):
        with pytest.raises(BucketLimitError):
            resolution.fit(histogram)
        return
    found = resolution.fit(histogram)
    assert found.schema == case["schema"]
    assert found.bucket_count == case.get("bucket_count", found.bucket_count)
