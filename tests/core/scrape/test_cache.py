import contextlib
import math
from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from narthex.errors import ExpositionError, ScrapeError
from narthex.kinds import ScrapeKind
from narthex.model.labels import Labels
from narthex.model.sample import NORMAL_NAN_BITS, STALE_NAN, STALE_NAN_BITS
from narthex.relabel.rules import Rules
from narthex.scrape.cache import CacheOptions, SampleLimitError, SeriesCache
from narthex.scrape.exposition import Series
from narthex.scrape.identity import SeriesIdentity
from narthex.scrape.row import Row
from narthex.scrape.templates import Common
from narthex.testing.storage import MemoryStorage
from narthex_plugins.exposition import OPENMETRICS, TEXT, parse_text

TARGET = Labels({"job": "j"})


def drop(labels):
    return None if "drop" in labels else labels


class Target:
    """A cache with a storage of its own, scraped every second."""

    def __init__(self, kind=TEXT, common=None, rules=None, target=TARGET, honor_labels=False, **options):
        self.storage = MemoryStorage()
        identity = SeriesIdentity(target, Rules([drop], ["drop"]) if rules is None else rules, honor_labels)
        row = Row(self.storage, 1000, 0, [identity.report("up")])
        self.cache = SeriesCache(row, identity, CacheOptions(**options), common)
        self.kind = kind
        self.now = 0

    def scrape(self, body):
        self.now += 1000
        try:
            self.cache.take(body if isinstance(body, bytes) else body.encode(), self.kind, "", self.now)
        except ScrapeError:
            self.cache.fail(self.now)
            self.cache.commit([0.0])
            raise
        self.cache.commit([1.0])

    def values(self, text):
        """All values of the series that ``text`` names, stale markers as 'stale'."""
        entry = parse_text(f"{text} 0".encode())[0]
        labels = Labels({**entry.labels, **TARGET})
        found = self.storage.samples().get(labels, [])
        return [(when, "stale" if bits(value) == STALE_NAN_BITS else value) for when, value in found]


def bits(value):
    return int(np.float64(value).view(np.int64))


def test_values_that_change_and_values_that_stay():
    target = Target()
    target.scrape("a 1\nb 2\n")
    target.scrape("a 1\nb 3\n")
    assert target.values("a") == [(1000, 1), (2000, 1)]
    assert target.values("b") == [(1000, 2), (2000, 3)]


def test_a_series_that_vanishes_ends_once_and_may_come_back():
    target = Target()
    for body in ("a 1\nb 2\n", "a 1\n", "a 1\n", "b 5\na 1\n"):
        target.scrape(body)
    assert target.values("b") == [(1000, 2), (2000, "stale"), (4000, 5)]
    assert target.cache.counts.added == 1
    assert len(target.storage.lanes) == 1


def test_a_failed_scrape_ends_everything_and_the_next_one_goes_on():
    target = Target()
    target.scrape("a 1\n")
    with pytest.raises(ExpositionError):
        target.scrape("a 2\nb x\n")
    target.scrape("a 3\n")
    assert target.values("a") == [(1000, 1), (2000, "stale"), (3000, 3)]
    assert target.values("b") == []


@pytest.mark.parametrize("value", ["1_0", "0x10", "0x1p3", "1e999", "+nan", "1 \r", "", "1 2 3", "\u0661", "1,5"])
def test_a_known_line_refuses_the_values_that_go_refuses(value):
    target = Target()
    target.scrape("a 1\nb 1\n")
    with pytest.raises(ExpositionError, match="line 1"):
        target.scrape(f"a {value}\nb 1\n")


@pytest.mark.parametrize("line", ["5", "a", "e", "ab 1 #", "inf", "nan", "NaN"])
def test_a_line_that_lost_its_series_is_not_taken_for_a_value(line):
    target = Target()
    target.scrape("a 1\nb 1\n")
    with pytest.raises(ExpositionError):
        target.scrape(f"{line}\nb 1\n")


@pytest.mark.parametrize(("text", "value"), [("+Inf", math.inf), ("-inf", -math.inf), ("1e3", 1000.0), (".5", 0.5)])
def test_known_lines_take_every_number(text, value):
    target = Target()
    target.scrape("a 1\n")
    target.scrape(f"a {text}\n")
    assert target.values("a")[-1] == (2000, value)


def test_an_exposed_nan_is_stored_as_the_normal_one():
    target = Target()
    for body in ("a NaN\n", "a 1\n", "a nan\n"):
        target.scrape(body)
    assert [bits(value) for _, value in target.values("a")] == [NORMAL_NAN_BITS, bits(1.0), NORMAL_NAN_BITS]


def test_the_later_of_two_lines_of_one_series_is_dropped_and_counted():
    target = Target()
    for body in ("a 1\na 2\n", "a 3\na 4\n", "a 3\na 5\n", "a{} 6\na 7\nb 1\n"):
        target.scrape(body)
        assert target.cache.counts.duplicates == 1
        assert target.cache.counts.kept >= 2
    assert target.values("a") == [(1000, 1), (2000, 3), (3000, 3), (4000, 6)]


def test_a_series_is_new_once_however_many_samples_it_has():
    target = Target()
    target.scrape("a 1\na 2\na 3\nb 1 600\nb 1 700\nc 1 601001\n")
    assert (target.cache.counts.kept, target.cache.counts.added) == (6, 2)
    target.scrape("a 1\na 2\na 3\nb 1 800\nb 1 900\n")
    assert (target.cache.counts.kept, target.cache.counts.added) == (5, 0)


def test_repeated_samples_use_up_no_limit_but_other_texts_of_a_series_do():
    target = Target(sample_limit=2)
    for _ in range(2):
        target.scrape("a 1\na 2\nb 1\n")
        with pytest.raises(SampleLimitError):
            target.scrape("a 1\na{} 2\nb 1\n")


def test_after_a_failure_or_an_empty_body_no_series_is_new():
    target = Target()
    target.scrape("a 1\nb 1\n")
    with pytest.raises(ExpositionError):
        target.scrape("a x\n")
    target.scrape("a 1\nb 1\n")
    assert target.cache.counts.added == 0
    target.scrape("")
    target.scrape("a 1\nb 1\nc 1\n")
    assert target.cache.counts.added == 1


def test_dropped_series_are_counted_but_not_kept():
    target = Target()
    target.scrape('a{drop="1"} 1\nb 1\n')
    target.scrape('a{drop="1"} 2\nb 1\n')
    counts = target.cache.counts
    assert (counts.scraped, counts.kept, counts.added) == (2, 1, 0)
    assert target.values('a{drop="1"}') == []


def test_drop_decisions_are_not_made_twice():
    calls = []
    target = Target()
    rules = Rules([lambda labels: calls.append(labels["__name__"]) or drop(labels)], ["count"])
    target.cache.identity = SeriesIdentity(TARGET, rules)
    for version in range(3):
        target.scrape(f'a{{drop="1"}} {version}\nb {version}\n# line {version}\n')
    assert calls == ["a", "b"]


def test_samples_with_timestamps_are_points_without_markers():
    target = Target()
    target.scrape("a 1 500\nb 1\n")
    target.scrape("b 1\n")
    assert target.values("a") == [(500, 1)]


def test_tracked_timestamps_get_markers():
    target = Target(track_timestamps_staleness=True)
    for body in ("a 1 500\n", "a 1 500\n", "a 2 2600\n", "\n"):
        target.scrape(body)
    assert target.values("a") == [(500, 1), (2600, 2), (4000, "stale")]


def test_ignored_timestamps_make_plain_samples():
    target = Target(honor_timestamps=False)
    target.scrape("a 1 500\n")
    target.scrape("a 2 500\n")
    assert target.values("a") == [(1000, 1), (2000, 2)]


def test_samples_far_in_the_future_are_dropped_and_counted():
    target = Target()
    target.scrape("a 1 601000\nb 1 601001\nc 1 12345678901234567890123\nd 1 -99999999999999999999999\n")
    assert target.values("a") == [(601000, 1)]
    assert target.values("b") == target.values("c") == []
    assert target.cache.counts.out_of_bounds == 2


def test_the_sample_limit_fails_the_scrape_with_the_right_counts():
    target = Target(sample_limit=2)
    with pytest.raises(SampleLimitError):
        target.scrape('a 1\nb{drop="1"} 1\nc 1\nd 1\n')
    counts = target.cache.counts
    assert (counts.scraped, counts.kept, counts.added) == (4, 3, 2)
    assert target.values("a") == []


def test_a_type_line_above_decides_how_bounds_are_read():
    target = Target()
    target.scrape('# TYPE a histogram\na_bucket{le="1"} 1\n')
    target.scrape('# TYPE a histogram\na_bucket{le="1"} 1\na_bucket{le="2"} 1\n# TYPE b gauge\nb{le="2"} 1\n')
    assert target.values('a_bucket{le="2.0"}') == [(2000, 1)]
    assert target.values('b{le="2"}') == [(2000, 1)]


def test_metadata_follows_the_comments_and_outlives_its_family_for_ten_scrapes():
    target = Target()
    target.scrape("# HELP a first\n# TYPE a gauge\na 1\n")
    target.scrape("# HELP a second\n# TYPE a gauge\na 1\n")
    assert target.cache.families["a"].help == "second"
    for _ in range(10):
        assert target.cache.families["a"].type == "gauge"
        target.scrape("b 1\n")
    target.scrape("b 1\n")
    assert "a" not in target.cache.families


def test_openmetrics_needs_its_end_mark_every_time():
    target = Target(OPENMETRICS)
    target.scrape("a 1\nb 1\n# EOF\n")
    for broken in ("a 1\nb 1\n", "a 1\n# EOF\nb 1\n", "a 1\nb 1\n# EOF\n\n", "a 1\n# EOF\n# EOF\n"):
        with pytest.raises(ExpositionError):
            target.scrape(broken)
        target.scrape("a 1\nb 1\n# EOF\n")


def test_changing_exemplars_do_not_relabel_again():
    calls = []
    target = Target(OPENMETRICS)
    target.cache.identity = SeriesIdentity(TARGET, Rules([lambda labels: calls.append(1) or labels], ["count"]))
    for version in range(3):
        target.scrape(f'a {version} # {{id="{version}"}} 1\n# EOF\n')
    assert len(calls) == 1
    assert target.values("a") == [(1000, 0), (2000, 1), (3000, 2)]


def test_a_raw_newline_in_a_label_value_is_read_as_prometheus_reads_it():
    target = Target()
    for version in (1, 2):
        target.scrape(f'c 7\na{{b="x\nc 5\n"}} {version}\n')
    assert target.values('a{b="x\nc 5\n"}') == [(1000, 1), (2000, 2)]
    assert target.values("c") == [(1000, 7), (2000, 7)]


def test_a_format_without_lines_goes_the_same_way():
    kind = ScrapeKind("whole", (), (), lambda body, _: parse_text(body))
    target = Target(kind)
    for body in ("a 1\nb 1\n", "b 2\na 1\n", "a 3\na 4\n"):
        target.scrape(body)
    assert target.values("a") == [(1000, 1), (2000, 1), (3000, 3)]
    assert target.values("b") == [(1000, 1), (2000, 2), (3000, "stale")]


def test_churn_moves_the_row_to_a_tighter_lane():
    target = Target()
    for version in range(8):
        target.scrape("".join(f'a{{v="{version}",n="{n}"}} 1\n' for n in range(50)) + "b 1\n")
    assert len(target.storage.lanes) > 1
    assert [lane.closed for lane in target.storage.lanes] == [True] * (len(target.storage.lanes) - 1) + [False]
    assert max(lane.width for lane in target.storage.lanes) < 250
    assert [value for _, value in target.values("b")] == [1] * 8
    assert target.values('a{v="3",n="7"}') == [(4000, 1), (5000, "stale")]


def test_the_end_marks_series_and_reports():
    target = Target()
    target.scrape("a 1\n")
    target.cache.end(2200)
    assert target.values("a") == [(1000, 1), (2200, "stale")]
    assert target.values("up") == [(1000, 1), (2200, "stale")]
    assert target.storage.lanes[0].closed


def test_other_slots_take_another_lane():
    target = Target()
    target.scrape("a 1\n")
    target.cache.move(5000, 77)
    target.scrape("a 1\n")
    assert [(lane.interval, lane.phase, lane.closed) for lane in target.storage.lanes] == [
        (1000, 0, True),
        (5000, 77, False),
    ]
    assert target.values("a") == [(1000, 1), (2000, 1)]


# --- the cache gives what reading every body from scratch gives -------------------------------------------------------

# No bounds of histograms: as in Prometheus, the TYPE line above the first sight of a series text decides for good.
SERIES_TEXTS = ["a", "b", "c{}", "c", 'd{x="1"}', 'd{x="} 2 "}', 'd{drop="1"}', 'd{x="1",}', "inf"]
VALUES = ["1", "2.5", "-3e2", "NaN", "+Inf", "0", "1_0", "1 900", "2 1e3", "0x1p3", "7 99999999999"]
LINES = st.one_of(
    st.tuples(st.sampled_from(SERIES_TEXTS), st.sampled_from([" ", " ", " ", "\t", "  "]), st.sampled_from(VALUES)).map(
        "".join
    ),
    st.tuples(st.sampled_from(SERIES_TEXTS), st.sampled_from([" "]), st.sampled_from(VALUES[:6])).map("".join),
    st.sampled_from(["# TYPE e histogram", "# TYPE e gauge", "# HELP a x", "#", "", " "]),
    st.sampled_from(['d{x="1', '"} 3', "a", "5", "a 1 2 3"]),
)
BODIES = st.lists(LINES, max_size=8).map(lambda lines: "\n".join(lines) + "\n")


@st.composite
def sequences(draw):
    """Bodies of which most are the one before with a few lines changed."""
    bodies = [draw(BODIES)]
    for _ in range(draw(st.integers(1, 5))):
        lines = bodies[-1].split("\n")[:-1]
        change = draw(st.sampled_from(["value", "value", "line", "insert", "remove", "swap", "new", "same"]))
        at = draw(st.integers(0, max(0, len(lines) - 1)))
        if change == "new":
            lines = draw(BODIES).split("\n")[:-1]
        elif change == "insert":
            lines.insert(at, draw(LINES))
        elif lines and change == "value":
            lines[at] = lines[at].rpartition(" ")[0] + " " + draw(st.sampled_from(VALUES))
        elif lines and change == "line":
            lines[at] = draw(LINES)
        elif lines and change == "remove":
            del lines[at]
        elif lines and change == "swap":
            lines[at], lines[-1] = lines[-1], lines[at]
        bodies.append("\n".join(lines) + "\n")
    return bodies


class Model:
    """What should be stored, from a whole parse of every body."""

    def __init__(self):
        self.stored = {}
        self.previous = set()
        self.first_labels = {}
        self.last_time = {}

    def scrape(self, body, now):
        rows, points = {}, []
        try:
            for entry in parse_text(body.encode()):
                if isinstance(entry, Series) and "drop" not in entry.labels:
                    labels = Labels({**entry.labels, **TARGET})
                    if entry.timestamp is None:
                        rows.setdefault(labels, entry.value)
                    elif entry.timestamp <= now + 600_000:
                        points.append((labels, entry.timestamp, entry.value))
        except ExpositionError:
            rows, points = {}, []
        ended = dict.fromkeys(self.previous - rows.keys(), STALE_NAN)
        for labels, value in {**rows, **ended}.items():
            self.put(labels, now, value)
        for labels, when, value in points:
            self.put(labels, when, value)
        self.previous = set(rows)

    def put(self, labels, when, value):
        samples = self.stored.setdefault(labels, {})
        if when not in samples and not (samples and when < max(samples)):
            gone = value is STALE_NAN
            samples[when] = NORMAL_NAN_BITS if math.isnan(value) and not gone else bits(value)


@settings(max_examples=300, deadline=None)
@given(sequences(), st.booleans())
def test_the_cache_stores_what_reading_from_scratch_stores(bodies, known):
    common = Common()
    others = [Target(common=common) for _ in range(2 if known else 0)]
    for other in others:  # two targets of the job have exposed the first body before
        with contextlib.suppress(ExpositionError):
            other.scrape(bodies[0])
    target, model = Target(common=common), Model()
    for body in bodies:
        model.scrape(body, target.now + 1000)
        with contextlib.suppress(ExpositionError):
            target.scrape(body)
    found = {
        labels: {when: bits(value) for when, value in samples}
        for labels, samples in target.storage.samples().items()
        if labels["__name__"] != "up"
    }
    assert found == {labels: samples for labels, samples in model.stored.items() if samples}


def test_labels_of_samples_with_timestamps_are_made_once():
    calls = []
    target = Target()
    target.cache.identity = SeriesIdentity(TARGET, Rules([lambda labels: calls.append(1) or drop(labels)], ["count"]))
    for version in range(3):
        target.scrape(f'a {version} {version * 1000}\nb{{drop="1"}} 1 {version}\nc NaN {version}\n')
        assert target.cache.counts.kept == 2
    assert len(calls) == 3
    assert target.values("a") == [(0, 0), (1000, 1), (2000, 2)]


@pytest.mark.parametrize("line", ["a 1 1_0", "a 1 1.5", "a 1_0 1", "a  1 1 ", "a 1 1 1", "a 1  x"])
def test_known_lines_with_timestamps_are_refused_as_unknown_ones_are(line):
    target = Target()
    target.scrape("a 1 1\n")
    if line != "a  1 1 ":
        with pytest.raises(ExpositionError):
            target.scrape(f"{line}\n")
    else:
        target.scrape(f"{line}\n")


def test_the_same_lines_are_read_anew_in_another_format():
    target = Target()
    target.scrape("a 1\n")
    target.kind = OPENMETRICS
    with pytest.raises(ExpositionError, match="EOF"):
        target.scrape("a 1\n")


# --- targets that expose what others expose ---------------------------------------------------------------------------


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
