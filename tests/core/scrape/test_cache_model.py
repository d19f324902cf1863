"""Whatever the bodies, the cache stores what reading every one of them from scratch gives."""

import contextlib
import math

import hypothesis.strategies as st
from hypothesis import given, settings
from tests.core.scrape.cached import TARGET, Target, bits

from narthex.errors import ExpositionError
from narthex.model.labels import Labels
from narthex.model.sample import NORMAL_NAN_BITS, STALE_NAN
from narthex.scrape.exposition import Series
from narthex.scrape.templates import Common
from narthex_plugins.exposition import parse_text

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
