"""A pool while it runs: reloads, targets that are new, come back or leave, and how they are started."""

import asyncio
import dataclasses
import itertools
import random

import numpy as np
import pytest

from narthex.config.http import HttpConfig
from narthex.config.scrape import ScrapeConfig
from narthex.model.labels import Labels
from narthex.model.sample import STALE_NAN_BITS
from narthex.relabel.rules import Rules
from narthex.targets import DroppedTarget

CONFIG = {"job_name": "j", "scrape_interval": 10_000, "scrape_timeout": 10_000}


def shown(samples):
    stale = [int(np.float64(value).view(np.int64)) == STALE_NAN_BITS for _, value in samples]
    return ["stale" if gone else value for gone, (_, value) in zip(stale, samples, strict=True)]


# --- reload -----------------------------------------------------------------------------------------------------------


async def test_a_reload_of_timing_and_client_keeps_the_cache(bench, target, found):
    relabelled = []
    rules = Rules([lambda labels: relabelled.append(1) or labels], ["count"])
    pool = bench.pool(rules)
    pool.sync(found(target()))
    await bench.clock.advance(10)
    config = ScrapeConfig(
        **{**CONFIG, "scrape_interval": 5000, "sample_limit": 5, "http": HttpConfig(follow_redirects=False)}
    )
    pool.reload(config, rules)
    pool.sync(found(target(interval=5000)))
    await bench.clock.advance(20)
    assert len(relabelled) == 1
    assert set(shown(bench.values("a"))) == {1}
    assert {when for when, _ in bench.values("a")} > {bench.values("a")[0][0]}
    assert bench.storage.lanes[0].closed
    assert bench.storage.lanes[-1].interval == 5000
    assert bench.clients[0].closed
    assert not bench.clients[1].closed


async def test_a_changed_limit_holds_at_once(bench, target, found):
    pool = bench.pool()
    bench.client.body = "a 1\nb 1\n"
    pool.sync(found(target()))
    await bench.clock.advance(10)
    pool.reload(ScrapeConfig(**CONFIG, sample_limit=1), Rules())
    await bench.clock.advance(10)
    assert "sample limit exceeded" in pool.status().targets[0].last_error


async def test_a_reload_of_metric_relabeling_ends_what_it_renames(bench, target, found):
    pool = bench.pool()
    bench.client.body = "a 1\nb 1\n"
    pool.sync(found(target()))
    await bench.clock.advance(10)
    renames = Rules([lambda labels: {**labels, "__name__": labels["__name__"].replace("a", "c")}], ["rename"])
    pool.reload(ScrapeConfig(**CONFIG, honor_labels=True), renames)
    await bench.clock.advance(20)
    assert shown(bench.values("a")) == [1, "stale"]
    assert shown(bench.values("b")) == [1, 1, 1]
    assert shown(bench.values("c")) == [1, 1]
    assert shown(bench.values("up")) == [1, 1, 1]


async def test_a_reload_does_not_disturb_a_running_scrape(bench, target, found):
    pool = bench.pool()
    pool.sync(found(target()))
    release = asyncio.Event()

    async def wait():
        await release.wait()
        return "a 1\n"

    bench.client.body = wait
    await bench.clock.advance(10)
    pool.reload(ScrapeConfig(**{**CONFIG, "http": HttpConfig(follow_redirects=False)}), Rules())
    assert not bench.clients[0].closed
    release.set()
    await bench.clock.advance(0.1)
    assert shown(bench.values("a")) == [1]


# --- new targets ------------------------------------------------------------------------------------------------------


async def test_a_new_target_of_a_running_job_is_scraped_at_once_and_then_in_its_slots(bench, target, found):
    pool = bench.pool()
    pool.sync(found(target("a:1")))
    await bench.clock.advance(20)
    now = int(bench.clock.now() * 1000)
    pool.sync(found(target("a:1"), target("b:1")))
    await bench.clock.advance(20)
    first, *later = [when for when, _ in bench.values("a", instance="b:1")]
    assert first == now
    assert {when % 10_000 for when in later} == {later[0] % 10_000}
    assert now < later[0] <= now + 10_000
    times = [when for when, _ in bench.values("a", instance="a:1")]
    assert {late - early for early, late in itertools.pairwise(times)} == {10_000}


async def test_the_first_set_after_a_start_waits_for_its_slots(bench, target, found):
    pool = bench.pool()
    pool.sync(found())
    pool.sync(found(target("a:1")))
    await bench.clock.advance(30)
    times = [when for when, _ in bench.values("a", instance="a:1")]
    assert {late - early for early, late in itertools.pairwise(times)} == {10_000}


async def test_of_many_new_targets_only_some_are_scraped_at_once(bench, target, found, monkeypatch):
    monkeypatch.setattr("narthex.scrape.pool.AT_ONCE", 2)
    pool = bench.pool()
    pool.sync(found(target("a:1")))
    await bench.clock.advance(20)
    before = len(bench.client.requests)
    hourly = [target(f"b:{i}", interval=3_600_000) for i in range(5)]  # whose slots are far
    pool.sync(found(target("a:1"), *hourly))
    await bench.clock.advance(0.001)
    assert len(bench.client.requests) - before == 2


async def test_a_target_that_comes_back_in_time_is_not_scraped_between_its_slots(bench, target, found):
    pool = bench.pool()
    pool.sync(found(target("a:1"), target("b:1")))
    await bench.clock.advance(20)
    pool.sync(found(target("a:1")))
    await bench.clock.advance(3)
    pool.sync(found(target("a:1"), target("b:1")))
    await bench.clock.advance(20)
    times = [when for when, _ in bench.values("a", instance="b:1")]
    assert {(late - early) % 10_000 for early, late in itertools.pairwise(times)} == {0}


async def test_many_new_targets_are_started_in_slices_and_all_of_them(bench, target, found, monkeypatch):
    monkeypatch.setattr("narthex.scrape.pool.SLICE", 2)
    pool = bench.pool()
    pool.sync(found(*(target(f"b:{i}") for i in range(7))))
    assert len(pool.status().targets) == 2
    pool.sync(found(*(target(f"b:{i}") for i in range(1, 6))))  # before the first set was through
    await bench.clock.advance(0.001)
    assert sorted(one.target.public["instance"] for one in pool.status().targets) == [f"b:{i}" for i in range(1, 6)]
    pool.sync(found(*(target(f"c:{i}") for i in range(5))))
    await pool.retire()
    await bench.clock.advance(1)
    assert pool.status().targets == []


@pytest.mark.parametrize(("keep", "shown"), [(0, 3), (2, 2), (9, 3)])
async def test_as_many_dropped_targets_are_kept_as_the_job_says_and_all_are_counted(bench, found, keep, shown):
    pool = bench.pool(keep_dropped_targets=keep)
    dropped = tuple(DroppedTarget("j", Labels({"__address__": f"a:{i}"}), 0) for i in range(3))
    pool.sync(dataclasses.replace(found(), dropped=dropped))
    status = pool.status()
    assert (len(status.dropped), status.dropped_count) == (shown, 3)


async def test_targets_that_differ_in_timing_only_are_one_and_the_last_counts(bench, target, found):
    pool = bench.pool()
    one, two, other = target("a:1"), target("a:1", interval=7_000), target("b:1")
    if one.steady != two.steady:
        pytest.skip("the helper's interval is no label")
    pool.sync(found(one, two, other))
    assert sorted(status.target.interval for status in pool.status().targets) == sorted((two.interval, other.interval))
    pool.sync(found(one, other))
    assert sorted(status.target.interval for status in pool.status().targets) == sorted((one.interval, other.interval))
    pool.sync(found(one, other, two))
    pool.sync(found(other))
    assert [status.target for status in pool.status().targets] == [other]


async def test_a_sync_that_failed_is_made_good_by_the_next(bench, target, found, monkeypatch):
    pool = bench.pool()
    first, second = target("a:1"), target("b:1")
    with monkeypatch.context() as broken:
        broken.setattr("narthex.scrape.pool.ScrapeLoop", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            pool.sync(found(first, second))
    pool.sync(found(first, second))
    assert {id(status.target) for status in pool.status().targets} == {id(first), id(second)}


async def test_any_sequence_of_sets_ends_with_the_targets_of_the_last(bench, target, found):
    pool, rng = bench.pool(), random.Random(7)
    known = [target(f"t:{i}") for i in range(12)]
    for _ in range(60):
        known[rng.randrange(12)] = target(f"t:{rng.randrange(12)}")  # another object, perhaps the same target
        wanted = list({one.steady: one for one in rng.sample(known, rng.randrange(13))}.values())
        pool.sync(found(*wanted))
        assert {id(status.target) for status in pool.status().targets} == set(map(id, wanted))
