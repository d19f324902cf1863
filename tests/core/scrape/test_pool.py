import itertools

import numpy as np
import pytest

from narthex.errors import StorageError
from narthex.http.client import Answer
from narthex.http.errors import BodyLimitError
from narthex.kinds import ScrapeKind
from narthex.model.sample import STALE_NAN_BITS
from narthex.scrape.loop import EXTRA_REPORTS, REPORTS

CONFIG = {"job_name": "j", "scrape_interval": 10_000, "scrape_timeout": 10_000}


def shown(samples):
    stale = [int(np.float64(value).view(np.int64)) == STALE_NAN_BITS for _, value in samples]
    return ["stale" if gone else value for gone, (_, value) in zip(stale, samples, strict=True)]


async def test_targets_are_scraped_at_their_slots(bench, target, found):
    bench.pool().sync(found(target("a:1"), target("b:1")))
    await bench.clock.advance(30)
    times = [when for when, _ in bench.values("a", instance="a:1")]
    assert len(times) == 3
    assert {later - earlier for earlier, later in itertools.pairwise(times)} == {10_000}
    assert {when % 10_000 for when in times} != {when % 10_000 for when, _ in bench.values("a", instance="b:1")}
    lanes = {(lane.interval, lane.phase) for lane in bench.storage.lanes}
    assert (10_000, times[0] % 10_000) in lanes


async def test_the_seed_moves_the_slots(bench, target, found):
    bench.pool(seed=0).sync(found(target()))
    bench.pool(seed=12345).sync(found(target()))
    await bench.clock.advance(10)
    assert len({request[0] for request in bench.clients[0].requests + bench.clients[1].requests}) == 2


async def test_every_scrape_reports(bench, target, found):
    bench.pool(extra_scrape_metrics=True, sample_limit=9).sync(found(target()))
    bench.client.body = "a 1\nb 2\n"
    await bench.clock.advance(20)
    report = {
        name: [value for _, value in bench.values(name, instance="h:1", job="j")] for name in REPORTS + EXTRA_REPORTS
    }
    assert report["up"] == [1, 1]
    assert report["scrape_samples_scraped"] == report["scrape_samples_post_metric_relabeling"] == [2, 2]
    assert report["scrape_series_added"] == [2, 0]
    assert report["scrape_timeout_seconds"] == [10, 10]
    assert report["scrape_sample_limit"] == [9, 9]
    assert report["scrape_body_size_bytes"] == [8, 8]


async def test_what_is_asked_for(bench, target, found):
    bench.pool(body_size_limit=77, enable_compression=False).sync(found(target(interval=1500)))
    await bench.clock.advance(2)
    _, url, headers, seconds, limit = bench.client.requests[0]
    assert (url, seconds, limit) == ("http://h:1/metrics", 1.5, 77)
    assert headers["X-Prometheus-Scrape-Timeout-Seconds"] == "1.5"
    assert headers["Accept-Encoding"] == "identity"
    assert headers["Accept"].startswith("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("a x\n", "line 1"),
        (Answer(500, "Broken", {}, b"a 1\n"), "server returned HTTP status 500 Broken"),
        (Answer(204, "No Content", {}, b""), "204"),
        (Answer(200, "OK", {"Content-Type": "text/html"}, b"a 1\n"), "text/html"),
        (Answer(200, "OK", {}, b"a 1\n"), "no Content-Type"),
    ],
)
async def test_a_failed_scrape_is_down_and_ends_the_series(bench, target, found, answer, error):
    pool = bench.pool()
    pool.sync(found(target()))
    assert pool.status().targets[0].health == "unknown"
    await bench.clock.advance(10)
    assert pool.status().targets[0].health == "up"
    bench.client.body = answer
    await bench.clock.advance(10)
    status = pool.status().targets[0]
    assert status.health == "down"
    assert error in status.last_error
    bench.client.body = "a 3\n"
    await bench.clock.advance(10)
    assert shown(bench.values("a")) == [1, "stale", 3]
    assert [value for _, value in bench.values("up")] == [1, 0, 1]
    assert pool.status().targets[0].last_error == ""


async def test_an_empty_body_is_a_success_of_any_type(bench, target, found):
    bench.pool().sync(found(target()))
    await bench.clock.advance(10)
    bench.client.body = Answer(200, "OK", {}, b"")
    await bench.clock.advance(10)
    assert [value for _, value in bench.values("up")] == [1, 1]
    assert shown(bench.values("a")) == [1, "stale"]


async def test_limits_are_counted(bench, target, found, refused):
    bench.pool(sample_limit=1, label_limit=3, extra_scrape_metrics=True).sync(found(target()))
    for body in (BodyLimitError("body size limit exceeded"), refused, "a 1\nb 1\n", 'a{x="1",y="2"} 1\n', "a 1\na 2\n"):
        bench.client.body = body
        await bench.clock.advance(10)
    assert bench.metric("scrapes_exceeded_body_size_limit_total") == 1
    assert bench.metric("scrapes_exceeded_sample_limit_total") == 1
    assert bench.metric("scrape_pool_exceeded_label_limits_total") == 1
    assert bench.metric("scrapes_sample_duplicate_timestamp_total") == 1
    assert [value for _, value in bench.values("scrape_body_size_bytes")] == [-1, 0, 8, 17, 8]
    assert [value for _, value in bench.values("scrape_samples_scraped")] == [0, 0, 2, 1, 2]


async def test_a_format_that_breaks_does_not_end_the_loop(bench, target, found, caplog):
    pool = bench.pool()
    broken = ScrapeKind("broken", (), ("text/plain",), lambda _body, _type: 1 / 0)
    pool._kinds[:] = [broken]
    pool.sync(found(target()))
    await bench.clock.advance(20)
    assert [value for _, value in bench.values("up")] == [0, 0]
    assert "ZeroDivisionError" in pool.status().targets[0].last_error
    assert sum("unexpectedly" in record.message for record in caplog.records) == 1


@pytest.mark.parametrize("error", [RuntimeError("bug"), SystemExit(3)])
async def test_whatever_breaks_off_a_scrape_the_next_slot_gets_its_chance(
    bench, target, found, monkeypatch, caplog, error
):
    def broken(batch):
        raise error

    pool = bench.pool()
    pool.sync(found(target()))
    with monkeypatch.context() as patch:
        patch.setattr(bench.storage, "append", broken)
        await bench.clock.advance(20)
    status = pool.status().targets[0]
    assert (status.health, type(error).__name__ in status.last_error) == ("down", True)
    assert caplog.text.count("scrape broke off unexpectedly") == 1
    await bench.clock.advance(10)
    assert pool.status().targets[0].health == "up"


async def test_a_storage_that_refuses_makes_the_target_down(bench, target, found, monkeypatch):
    pool = bench.pool()
    pool.sync(found(target()))

    def refuse(_batch):
        raise StorageError("disk full")

    monkeypatch.setattr(bench.storage, "append", refuse)
    await bench.clock.advance(10)
    assert "disk full" in pool.status().targets[0].last_error


async def test_a_slow_scrape_skips_slots_and_is_never_doubled(bench, target, found):
    bench.pool().sync(found(target()))
    running = []

    async def slow():
        assert not running
        running.append(1)
        await bench.clock.sleep(25)
        running.pop()
        return "a 1\n"

    bench.client.body = slow
    await bench.clock.advance(60)
    starts = [request[0] for request in bench.client.requests]
    assert [later - earlier for earlier, later in itertools.pairwise(starts)] == [30.0] * (len(starts) - 1)


async def test_a_removed_target_ends_after_two_slots_and_a_tenth(bench, target, found):
    pool = bench.pool()
    pool.sync(found(target("a:1"), target("b:1")))
    await bench.clock.advance(10)
    last = bench.values("a", instance="a:1")[-1][0]
    pool.sync(found(target("b:1")))
    asked = [request for request in bench.client.requests if "a:1" in request[1]]
    until = (last + 10_000 + 11_000) / 1000 - bench.clock.now()
    await bench.clock.advance(until - 0.01)
    assert shown(bench.values("a", instance="a:1")) == [1]
    await bench.clock.advance(0.02)
    assert shown(bench.values("a", instance="a:1")) == [1, "stale"]
    assert shown(bench.values("up", instance="a:1")) == [1, "stale"]
    assert bench.values("a", instance="a:1")[-1][0] == last + 10_000
    assert asked == [request for request in bench.client.requests if "a:1" in request[1]]


async def test_a_target_that_comes_back_in_time_goes_on(bench, target, found):
    pool = bench.pool()
    pool.sync(found(target()))
    await bench.clock.advance(10)
    pool.sync(found())
    await bench.clock.advance(5)
    pool.sync(found(target()))
    await bench.clock.advance(50)
    assert set(shown(bench.values("a"))) == {1}
    assert [value for _, value in bench.values("scrape_series_added")][1:] == [0] * 5


async def test_another_target_with_the_same_series_takes_them_over(bench, target, found):
    pool = bench.pool()
    pool.sync(found(target(path="/old")))
    await bench.clock.advance(10)
    pool.sync(found(target(path="/new")))
    await bench.clock.advance(60)
    assert set(shown(bench.values("a"))) == {1}
    assert sum(not lane.closed for lane in bench.storage.lanes) == 1


async def test_shutdown_leaves_no_markers(bench, target, found):
    pool = bench.pool()
    pool.sync(found(target("a:1"), target("b:1")))
    await bench.clock.advance(10)
    pool.sync(found(target("a:1")))
    await pool.stop()
    await bench.clock.advance(100)
    assert shown(bench.values("a")) == [1, 1]
    assert bench.client.closed
    assert all(lane.closed for lane in bench.storage.lanes)


async def test_a_retired_pool_marks_its_series_in_time(bench, target, found):
    pool = bench.pool()
    pool.sync(found(target()))
    await bench.clock.advance(10)
    await pool.retire()
    await bench.clock.advance(30)
    assert shown(bench.values("a")) == [1, "stale"]


async def test_too_many_targets_fail_all_without_a_request(bench, target, found):
    pool = bench.pool(target_limit=1)
    pool.sync(found(target("a:1"), target("b:1")))
    await bench.clock.advance(10)
    assert [value for _, value in bench.values("up")] == [0, 0]
    assert bench.client.requests == []
    assert "target_limit exceeded (number of targets: 2, limit: 1)" in pool.status().targets[0].last_error
    assert bench.metric("scrape_pool_exceeded_target_limit_total") == 1
    pool.sync(found(target("a:1")))
    await bench.clock.advance(10)
    assert bench.values("up", instance="a:1")[-1][1] == 1


# --- what is told -----------------------------------------------------------------------------------------------------


async def test_metadata_is_told_for_each_target(bench, target, found):
    pool = bench.pool()
    bench.client.body = "# HELP a Help of a.\n# TYPE a gauge\na 1\n"
    pool.sync(found(target()))
    await bench.clock.advance(10)
    family = pool.status().targets[0].metadata["a"]
    assert (family.type, family.help) == ("gauge", "Help of a.")


async def test_health_is_logged_when_it_changes_only(bench, target, found, refused, caplog):
    caplog.set_level("INFO", "narthex.scrape")
    bench.pool().sync(found(target()))
    for body in ("a 1\n", refused, refused, "a 1\n", "a 1\n"):
        bench.client.body = body
        await bench.clock.advance(10)
    assert [record.message for record in caplog.records] == ["target is down", "target is up"]


async def test_pool_metrics_follow_the_targets(bench, target, found):
    pool = bench.pool(target_limit=7)
    pool.sync(found(target("a:1"), target("b:1")))
    assert bench.metric("scrape_pool_targets", scrape_job="j") == 2
    assert bench.metric("scrape_pool_target_limit", scrape_job="j") == 7
    assert bench.metric("scrape_pool_sync_total", scrape_job="j") == 1
    await bench.clock.advance(20)
    assert bench.metric("interval_length_seconds_count", interval="10s") == 2
    await pool.retire()
    assert bench.metric("scrape_pool_targets", scrape_job="j") is None
