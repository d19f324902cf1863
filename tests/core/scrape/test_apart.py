"""Histograms and numbers with start timestamps, from bodies to the storage."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from narthex.config.scrape import ScrapeConfig
from narthex.errors import ScrapeError
from narthex.kinds import ScrapeKind
from narthex.model.histogram import Buckets, Hint, Histogram
from narthex.model.labels import Labels
from narthex.relabel.rules import Rules
from narthex.scrape.cache import CacheOptions, SampleLimitError, SeriesCache
from narthex.scrape.exposition import HistogramSeries, StartTimestamps
from narthex.scrape.formats import Formats, HistogramSwitches, ScrapeFeatures
from narthex.scrape.identity import LabelLimits, SeriesIdentity
from narthex.scrape.metrics import ScrapeMetrics
from narthex.scrape.resolution import BucketLimitError, Resolution
from narthex.scrape.row import Row
from narthex.testing.storage import MemoryStorage
from narthex_plugins.exposition import OPENMETRICS, PROTOBUF, TEXT

CLASSIC = """# TYPE h histogram
h_bucket{{le="1"}} {0}
h_bucket{{le="+Inf"}} {1}
h_count {1}
h_sum 7
# TYPE g gauge
g 1
"""
OPEN = "# TYPE x counter\nx_total {}\nx_created {}\n# EOF\n"
H = Labels({"__name__": "h", "job": "j"})
CONVERTING, PLAIN, UNLIMITED = HistogramSwitches(nhcb=True), CacheOptions(), LabelLimits()


class Target:
    """Scraped once a second from 1,000 s on."""

    def __init__(self, switches=CONVERTING, options=PLAIN, limits=UNLIMITED):
        self.storage = MemoryStorage()
        identity = SeriesIdentity(Labels({"job": "j"}), Rules(), limits=limits)
        row = Row(self.storage, 1000, 0, [identity.report("up")])
        self.cache = SeriesCache(row, identity, options)
        self.formats = Formats(
            (OPENMETRICS, TEXT, PROTOBUF), ScrapeConfig("j"), switches, ScrapeFeatures(options.starts)
        )
        self.now = 1_000_000

    def scrape(self, body, content_type="text/plain"):
        try:
            self.cache.take(body.encode(), self.formats.choose(content_type), content_type, self.now)
        except ScrapeError:
            self.cache.fail(self.now)
            raise
        finally:
            self.cache.commit([1.0])
            self.now += 1000

    def histograms(self):
        return self.storage.histograms().get(H, [])


def test_a_classic_histogram_is_stored_as_a_native_one():
    target = Target()
    target.scrape(CLASSIC.format(1, 2))
    target.scrape(CLASSIC.format(1, 3))
    assert [(when, one.count, one.hint) for when, one in target.histograms()] == [
        (1_000_000, 2, Hint.UNKNOWN),
        (1_001_000, 3, Hint.NOT_RESET),
    ]
    assert sorted(labels["__name__"] for labels in target.storage.samples()) == ["g", "up"]
    assert (target.cache.counts.scraped, target.cache.counts.kept, target.cache.counts.added) == (2, 2, 0)


def test_the_classic_one_may_be_kept_beside_it():
    target = Target(HistogramSwitches(nhcb=True, classic=True))
    target.scrape(CLASSIC.format(1, 2))
    names = sorted(labels["__name__"] for labels in target.storage.samples())
    assert names == ["g", "h_bucket", "h_bucket", "h_count", "h_sum", "up"]
    assert len(target.histograms()) == 1


def test_a_histogram_that_vanishes_gets_a_staleness_marker():
    target = Target()
    target.scrape(CLASSIC.format(1, 2))
    target.scrape("g 1\n")
    target.scrape("g 1\n")
    assert [when for when, _ in target.storage.samples(name="h")[H]] == [1_001_000]
    target.scrape(CLASSIC.format(1, 2))
    assert target.histograms()[-1][1].hint is Hint.UNKNOWN


def test_a_failed_scrape_ends_histograms_too():
    target = Target()
    target.scrape(CLASSIC.format(1, 2))
    with pytest.raises(ScrapeError):
        target.scrape("{{{\n")
    assert [when for when, _ in target.storage.samples(name="h")[H]] == [1_001_000]


def test_a_histogram_counts_as_one_sample():
    Target(options=CacheOptions(sample_limit=2)).scrape(CLASSIC.format(1, 2))
    with pytest.raises(SampleLimitError):
        Target(options=CacheOptions(sample_limit=1)).scrape(CLASSIC.format(1, 2))


def test_limits_of_labels_and_buckets_fail_the_scrape():
    with pytest.raises(ScrapeError):
        Target(limits=LabelLimits(value_length=0, count=1)).scrape(CLASSIC.format(1, 2))
    with pytest.raises(BucketLimitError):
        Target(options=CacheOptions(resolution=Resolution(1))).scrape(CLASSIC.format(1, 2))


def test_start_timestamps_are_stored_with_their_samples():
    target = Target(options=CacheOptions(starts=StartTimestamps.STORED))
    target.scrape(OPEN.format(5, 900), "application/openmetrics-text")
    target.scrape(OPEN.format(6, 900), "application/openmetrics-text")
    labels = Labels({"__name__": "x_total", "job": "j"})
    assert target.storage.starts(name="x_total") == {labels: [(1_000_000, 900_000), (1_001_000, 900_000)]}
    assert target.storage.samples(name="x_created") == {}
    target.scrape("# EOF\n", "application/openmetrics-text")
    assert [when for when, _ in target.storage.samples(name="x_total")[labels]][-1] == 1_002_000


def test_a_start_that_no_time_can_hold_is_none():
    target = Target(options=CacheOptions(starts=StartTimestamps.STORED))
    counter = b"\x09" + bytes(6) + b"\xf0\x3f" + b"\x1a\x0a\x08" + b"\x80" * 8 + b"\x40"
    metric = b"\x1a" + bytes([len(counter)]) + counter
    family = b"\x0a\x01x\x18\x00\x22" + bytes([len(metric)]) + metric
    target.cache.take(bytes([len(family)]) + family, PROTOBUF, PROTOBUF.media_types[0], target.now)
    target.cache.commit([1.0])
    assert target.storage.starts(name="x") == {Labels({"__name__": "x", "job": "j"}): []}


def test_a_new_start_is_a_zero():
    target = Target(options=CacheOptions(starts=StartTimestamps.ZEROS))
    for value, created in ((5, 900), (6, 900), (1, 1001.5)):
        target.scrape(OPEN.format(value, created), "application/openmetrics-text")
    (samples,) = target.storage.samples(name="x_total").values()
    assert samples == [(900_000, 0), (1_000_000, 5), (1_001_000, 6), (1_001_500, 0), (1_002_000, 1)]


def test_without_the_feature_a_created_sample_is_a_sample():
    target = Target()
    target.scrape(OPEN.format(5, 900), "application/openmetrics-text")
    assert [value for samples in target.storage.samples(name="x_created").values() for _, value in samples] == [900]


def test_labels_of_a_target_override_the_switches_of_its_job():
    config = ScrapeConfig("j", scrape_native_histograms=True)
    labels = Labels({"__scrape_native_histograms__": "false", "__convert_classic_histograms_to_nhcb__": "true"})
    assert HistogramSwitches.of(config, Labels({})) == HistogramSwitches(native=True)
    assert HistogramSwitches.of(config, labels) == HistogramSwitches(nhcb=True)


def test_native_histograms_put_protobuf_first():
    kinds = (OPENMETRICS, TEXT, PROTOBUF)
    assert Formats(kinds, ScrapeConfig("j")).accept.startswith("application/openmetrics-text")
    native = Formats(kinds, ScrapeConfig("j"), HistogramSwitches(native=True))
    assert native.accept.startswith("application/vnd.google.protobuf")
    chosen = ScrapeConfig("j", scrape_protocols=("PrometheusText0.0.4",))
    assert Formats(kinds, chosen, HistogramSwitches(native=True)).accept.startswith("text/plain")


# --- histograms that contradict themselves ----------------------------------------------------------------------------


def held(name, count, buckets):
    labels = {"__name__": name}
    histogram = Histogram(0, count=float(count), sum=1.0, positive=Buckets.run(0, map(float, buckets)))
    return HistogramSeries(name, labels, histogram)


def scrape_of(target, *entries):
    kind = ScrapeKind("entries", (), (), lambda _body, _type: entries)
    target.cache.take(b"x", kind, "", target.now)
    appended = target.cache.commit([1.0])
    target.now += 1000
    return appended


def test_a_histogram_that_contradicts_itself_is_left_out_counted_and_told_once(caplog):
    caplog.set_level("INFO", "narthex.scrape")
    target = Target()
    metrics = ScrapeMetrics(CollectorRegistry())
    right, wrong = held("right", 3, [1, 2]), held("h", 3, [1, 1])
    for _ in range(3):
        appended = scrape_of(target, right, wrong)
        metrics.refused(target.cache.counts, appended)
        assert (target.cache.counts.scraped, target.cache.counts.kept, target.cache.counts.histograms_refused) == (
            2,
            2,
            1,
        )
    scrape_of(target, right, held("h", 2, [1, 1]))
    assert metrics.histograms_invalid._value.get() == 3
    assert [when for when, _ in target.histograms()] == [1_003_000]
    assert len(target.storage.histograms(name="right")[Labels({"__name__": "right", "job": "j"})]) == 4
    first, last = (record.getMessage() for record in caplog.records)
    assert first == "native histograms contradict themselves and are left out"
    assert caplog.records[0].err == "h: 2 observations in buckets, but a count of 3"
    assert last == "native histograms are right again"


def test_a_series_whose_histogram_turns_wrong_ends():
    target = Target()
    scrape_of(target, held("h", 2, [1, 1]))
    scrape_of(target, held("h", 2, [1, -1]))
    assert [(when, "stale" if one.stale else one.count) for when, one in target.histograms()] == [(1_000_000, 2.0)]
    ((_, markers),) = [(one, found) for one, found in target.storage.samples().items() if one == H]
    assert [when for when, _ in markers] == [1_001_000]
