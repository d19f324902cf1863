"""What bad answers of an API do to the targets of a job: nothing. And what becomes of real changes."""

from __future__ import annotations

import asyncio
import logging

import pytest

from narthex.config.safety import DiscoverySafety, Share
from narthex.config.types import Count, Duration, Size
from narthex.discovery.refresh import refresh
from narthex.discovery.state import Settings
from narthex.discovery.supervisor import Supervisor
from narthex.model.targetgroup import TargetGroup
from narthex.testing.clock import FakeClock, settle

INTERVAL, HOLD = 30.0, 300.0
FLEET = [f"10.0.{i // 250}.{i % 250}:9100" for i in range(1000)]


class Api:
    """An HTTP API that lists hosts; ``answer`` is what it says now: hosts, an error to raise, or None to hang."""

    def __init__(self, hosts=FLEET):
        self.answer = list(hosts)
        self.extra = ""
        self.asked = 0

    async def fetch(self):
        self.asked += 1
        if self.answer is None:
            await asyncio.Event().wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return [TargetGroup("api", tuple({"__address__": one, "__meta_note": self.extra} for one in self.answer))]

    async def run(self, publish, context):
        await refresh(Duration(int(INTERVAL * 1000)), self.fetch, context).run(publish)


class Place:
    """A supervisor with one job that an API feeds."""

    def __init__(self, kit, data_dir=None):
        self.kit, self.data_dir = kit, data_dir
        self.clock = FakeClock()
        self.api = Api()
        self.supervisor = self.make()

    def make(self):
        return Supervisor(
            self.kit.catalog,
            self.clock,
            self.kit.registry,
            data_dir=self.data_dir,
            isolate=False,
            settings=Settings(),
            random=lambda: 1.0,
        )

    async def start(self, limits=None, job="fleet"):
        await self.supervisor.apply({job: [self.kit.block("api", self.api.run)]}, {job: limits or DiscoverySafety()})
        await settle()

    async def turn(self, times=1):
        """So many refreshes."""
        await self.clock.advance(times * INTERVAL)

    def targets(self, job="fleet"):
        return set(self.kit.addresses(self.supervisor, job))

    def metric(self, name, job="fleet"):
        return self.kit.value(f"narthex_discovery_{name}", name="scrape", job=job)

    async def stop(self):
        stopping = asyncio.create_task(self.supervisor.stop(1.0))
        while not stopping.done():  # files are written by a thread, which no fake clock moves
            await asyncio.sleep(0.001)
            await self.clock.advance(1.0)


@pytest.fixture
async def place(kit):
    made = Place(kit)
    yield made
    await made.stop()


@pytest.fixture
async def kept(kit, tmp_path):
    made = Place(kit, tmp_path)
    yield made
    await made.stop()


@pytest.mark.parametrize("answer", [[], FLEET[:100], OSError("503 Service Unavailable"), None])
async def test_a_bad_answer_costs_no_target(place, answer):
    await place.start()
    place.api.answer = answer
    for _ in range(int(HOLD / INTERVAL) - 1):
        await place.turn()
        assert place.targets() == set(FLEET)
    place.api.answer = FLEET
    await place.turn(10)
    assert place.targets() == set(FLEET)
    assert place.supervisor.held() == []


async def test_an_answer_that_never_comes_is_given_up_and_asked_for_again(place):
    await place.start()
    place.api.answer = None
    await place.turn()
    asked = place.api.asked
    await place.clock.advance(120)
    assert place.api.asked == asked
    assert "no answer after 120 s" in place.supervisor.status()[0].last_error
    place.api.answer = [*FLEET, "10.1.0.1:9100"]
    await place.turn()
    assert len(place.targets()) == len(FLEET) + 1


async def test_an_answer_of_20_mib_is_refused_where_there_is_a_limit(place):
    await place.start(DiscoverySafety(max_bytes=Size(10 << 20)))
    place.api.extra = "x" * (20 << 10)
    await place.turn(60)
    assert {len(one["__meta_note"]) for item in place.supervisor.groups("fleet") for one in item.group.targets} == {0}
    assert place.targets() == set(FLEET)
    (held,) = place.supervisor.held()
    assert held.reason == "the update has more than max_bytes 10MB of labels"
    assert held.until is None
    place.api.extra = ""
    await place.turn()
    assert place.supervisor.held() == []


async def test_a_flood_of_targets_is_refused_where_there_is_a_limit(place):
    await place.start(DiscoverySafety(max_targets=Count(5000)))
    place.api.answer = [f"h{i}:1" for i in range(5001)]
    await place.turn(60)
    assert place.targets() == set(FLEET)


async def test_flapping_of_a_few_targets_goes_through_at_once(place):
    await place.start()
    for turn in range(50):
        away = {FLEET[(turn * 10 + i) % len(FLEET)] for i in range(10)}
        place.api.answer = [one for one in FLEET if one not in away]
        await place.turn()
        assert place.targets() == set(FLEET) - away
        assert place.supervisor.held() == []
    assert place.metric("holds_total") is None


async def test_a_scale_down_goes_through_after_the_hold(place):
    await place.start()
    place.api.answer = FLEET[:100]
    await place.turn()
    await place.clock.advance(HOLD - 1)
    assert place.targets() == set(FLEET)
    await place.clock.advance(1)
    assert place.targets() == set(FLEET[:100])
    assert place.supervisor.held() == []
    assert place.metric("held") == 0


async def test_the_job_hears_of_the_end_of_a_hold(place):
    await place.start()
    await place.supervisor.changes()
    place.api.answer = []
    await place.turn()
    news = asyncio.create_task(place.supervisor.changes())
    await place.clock.advance(HOLD)
    assert await news == {"fleet"}
    assert place.targets() == set()


async def test_a_scale_down_in_steps_needs_no_hold(place):
    await place.start()
    for left in (600, 300, 150, 75):
        place.api.answer = FLEET[:left]
        await place.turn()
        assert len(place.targets()) == left


async def test_what_a_held_update_adds_and_changes_is_in_force_at_once(place):
    await place.start()
    place.api.answer, place.api.extra = [*FLEET[:100], "new:9100"], "changed"
    await place.turn()
    assert place.targets() == {*FLEET, "new:9100"}
    notes = {
        one["__address__"]: one["__meta_note"]
        for item in place.supervisor.groups("fleet")
        for one in item.group.targets
    }
    assert (notes[FLEET[0]], notes[FLEET[500]], notes["new:9100"]) == ("changed", "", "changed")


async def test_a_held_update_is_told_once_measured_and_shown(place, caplog):
    await place.start()
    place.api.answer = FLEET[:100]
    with caplog.at_level(logging.WARNING):
        await place.turn(4)
    told = [one for one in caplog.records if "is held" in one.message]
    assert len(told) == 1
    assert told[0].job == "fleet"
    (held,) = place.supervisor.held()
    assert (held.job, held.before, held.offered, held.kept) == ("fleet", 1000, 100, 900)
    assert held.until == held.since + HOLD
    assert (place.metric("held"), place.metric("held_targets"), place.metric("holds_total")) == (1, 900, 1)


async def test_a_held_update_can_be_accepted(place):
    await place.start()
    place.api.answer = FLEET[:100]
    await place.turn()
    assert place.supervisor.accept("fleet") == 1
    assert place.targets() == set(FLEET[:100])
    assert place.metric("held") == 0
    assert place.supervisor.accept("fleet") == 0
    with pytest.raises(KeyError):
        place.supervisor.accept("nobody")
    await place.clock.advance(2 * HOLD)
    assert place.targets() == set(FLEET[:100])


async def test_a_reload_with_other_limits_judges_a_held_update_again(place):
    await place.start()
    place.api.answer = FLEET[:100]
    await place.turn()
    await place.start(DiscoverySafety(max_drop=Share(0.95)))
    assert place.targets() == set(FLEET[:100])
    assert place.supervisor.held() == []


async def test_a_shorter_hold_ends_sooner(place):
    await place.start()
    place.api.answer = []
    await place.turn()
    await place.start(DiscoverySafety(hold=Duration(60_000)))
    await place.clock.advance(60)
    assert place.targets() == set()


async def test_jobs_that_share_a_block_have_limits_of_their_own(place):
    block = [place.kit.block("api", place.api.run)]
    await place.supervisor.apply(
        {"careful": block, "quick": block},
        {"careful": DiscoverySafety(), "quick": DiscoverySafety(hold=Duration(0))},
    )
    await settle()
    place.api.answer = []
    await place.turn()
    assert place.targets("careful") == set(FLEET)
    assert place.targets("quick") == set()
    assert place.kit.builds == ["api"]


async def test_a_block_that_leaves_the_configuration_is_not_held(place):
    await place.start()
    await place.supervisor.apply({"fleet": []}, {"fleet": DiscoverySafety()})
    assert place.targets() == set()


async def test_a_job_without_limits_takes_what_comes(place):
    await place.supervisor.apply({"fleet": [place.kit.block("api", place.api.run)]})
    await settle()
    place.api.answer = []
    await place.turn()
    assert place.targets() == set()


# --- over a restart --------------------------------------------------------------------------------------------------


async def restart(place, answer, down=3600.0, limits=None):
    await place.stop()
    await place.clock.advance(down)
    place.api.answer = answer
    place.supervisor = place.make()
    await place.start(limits)


async def test_a_restart_while_discovery_is_down_keeps_the_targets(kept):
    await kept.start()
    await restart(kept, OSError("503"))
    assert kept.targets() == set(FLEET)
    (restored,) = kept.supervisor.restored()
    assert (restored.job, restored.targets) == ("fleet", 1000)
    assert kept.clock.now() - restored.confirmed == pytest.approx(3600, abs=60)
    assert kept.metric("restored_targets") == 1000
    kept.api.answer = FLEET[:600]
    await kept.turn(3)
    assert kept.targets() == set(FLEET[:600])
    assert kept.supervisor.restored() == []
    assert kept.metric("restored_targets") == 0


@pytest.mark.parametrize("answer", [[], FLEET[:100]])
async def test_the_first_answer_after_a_start_is_judged_by_what_was_known(kept, answer):
    await kept.start()
    await restart(kept, answer)
    assert kept.targets() == set(FLEET)
    await kept.clock.advance(HOLD)
    assert kept.targets() == set(answer)


async def test_a_held_update_is_not_what_is_remembered(kept):
    await kept.start()
    kept.api.answer = []
    await kept.turn()
    await restart(kept, OSError("503"))
    assert kept.targets() == set(FLEET)


async def test_old_groups_are_not_used(kept):
    await kept.start()
    await restart(kept, OSError("503"), down=86_400)
    assert kept.targets() == set()


async def test_nothing_is_kept_where_that_is_not_wanted(kept):
    limits = DiscoverySafety(keep_on_disk=False)
    await kept.start(limits)
    await restart(kept, OSError("503"), limits=limits)
    assert kept.targets() == set()
    assert not list(kept.data_dir.rglob("*.json"))


async def test_a_file_that_is_rubbish_is_told_and_not_used(kept, caplog):
    await kept.start()
    await kept.stop()
    (file,) = kept.data_dir.rglob("*.json")
    file.write_bytes(file.read_bytes()[:100])
    await restart(kept, OSError("503"))
    assert kept.targets() == set()
    assert "The saved targets of a job cannot be used" in caplog.text


async def test_a_disk_that_cannot_be_written_is_told_once_and_hurts_nothing(kept, caplog):
    (kept.data_dir / "groups").write_text("in the way")
    await kept.start()
    for _ in range(3):
        kept.api.extra += "x"
        await kept.turn()
        await asyncio.to_thread(lambda: None)
        await settle()
    await kept.stop()
    assert caplog.text.count("cannot be kept on disk") == 1


async def test_targets_that_went_are_not_remembered(kept):
    await kept.start(DiscoverySafety(allow_empty=True))
    kept.api.answer = []
    await kept.turn()
    await restart(kept, OSError("503"))
    assert kept.targets() == set()
    assert not list(kept.data_dir.rglob("*.json"))


# --- bad entries -----------------------------------------------------------------------------------------------------


def publishes_a_bad_entry(kit):
    good = kit.group("s", "h:1", "h:2")
    bad = TargetGroup("s", (*good.targets, {"__meta_no": "address"}, {"__address__": 5}))
    return kit.publishes(bad, kit.group("t", "h:3"))


async def test_one_bad_entry_is_skipped_and_counted_where_that_is_wanted(place, caplog):
    block = place.kit.block("bad", publishes_a_bad_entry(place.kit))
    await place.supervisor.apply({"fleet": [block]}, {"fleet": DiscoverySafety(skip_bad_entries=True)})
    await settle()
    assert place.targets() == {"h:1", "h:2", "h:3"}
    (status,) = place.supervisor.status()
    assert status.skipped.startswith("2 entries left out, the first: group 's': target 0 has no __address__")
    whose = {
        "name": "scrape",
        "provider": "good/0",
        "kind": "good",
        "plugin": "good_plugin",
        "distribution": "good-dist",
    }
    assert place.kit.value("narthex_discovery_skipped_entries_total", **whose) == 2
    assert caplog.text.count("left out") == 1


async def test_otherwise_it_discards_the_answer(place):
    block = place.kit.block("bad", publishes_a_bad_entry(place.kit))
    await place.supervisor.apply({"fleet": [block]}, {"fleet": DiscoverySafety()})
    await settle()
    assert place.targets() == set()
    assert place.supervisor.status()[0].failures == {"rejected": 1}
