import math

import pytest
from tests.core.scrape.cached import TARGET, Target, bits, drop

from narthex.errors import ExpositionError
from narthex.kinds import ScrapeKind
from narthex.model.sample import NORMAL_NAN_BITS
from narthex.relabel.rules import Rules
from narthex.scrape.cache import SampleLimitError
from narthex.scrape.identity import SeriesIdentity
from narthex_plugins.exposition import OPENMETRICS, parse_text


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
