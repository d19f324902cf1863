"""Jobs at work: from groups to targets, over changes, reloads and failures."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from tests.waiting import until

from narthex.config.relabel import RelabelConfig
from narthex.config.scrape import ScrapeConfig
from narthex.config.types import Duration
from narthex.model.targetgroup import SourcedGroup, TargetGroup
from narthex.relabel.rules import Rules
from narthex.server import jobs as module
from narthex.server.jobs import Job, Jobs, compile_job, relabel_steps
from narthex.targets import TargetSet


class Discovery:
    """The supervisor as jobs see it."""

    def __init__(self) -> None:
        self.found: dict[str, Sequence[SourcedGroup]] = {}
        self.wanted: Mapping[str, Any] = {}
        self._changed: asyncio.Queue[frozenset[str]] = asyncio.Queue()

    async def apply(self, wanted: Mapping[str, Any], limits: Mapping[str, Any]) -> None:
        self.wanted = dict(wanted)

    def groups(self, job: str) -> Sequence[SourcedGroup]:
        return self.found.get(job, ())

    async def changes(self) -> frozenset[str]:
        return await self._changed.get()

    def publish(self, *names: str, addresses: Sequence[str]) -> None:
        targets = tuple({"__address__": one} for one in addresses)
        for name in names:
            self.found[name] = (SourcedGroup("feed/0", TargetGroup("g", targets)),)
        self._changed.put_nowait(frozenset(names))


class Pool:
    def __init__(self, job: Job) -> None:
        self.job = job
        self.synced: list[list[str]] = []
        self.reloads = 0
        self.retired = self.stopped = False

    def sync(self, found: TargetSet, _spent: float = 0.0) -> None:
        self.synced.append([target.public["instance"] for target in found.active])

    def reload(self, _config: ScrapeConfig, _rules: Rules) -> None:
        self.reloads += 1

    async def retire(self) -> None:
        self.retired = True

    async def stop(self) -> None:
        self.stopped = True


class Bench:
    def __init__(self) -> None:
        self.discovery = Discovery()
        self.pools: dict[str, Pool] = {}
        self.refuse = ""
        self.jobs = Jobs(self.discovery, self.make)

    def make(self, job: Job, _labels: Mapping[str, str]) -> Any:
        name = job.config.job_name
        if name == self.refuse:
            raise RuntimeError("no client")
        self.pools[name] = Pool(job)
        return self.pools[name]

    async def synced(self, name: str, expected: Sequence[str]) -> None:
        await until(lambda: self.pools[name].synced[-1:] == [list(expected)])


@pytest.fixture
async def bench() -> Any:
    made = Bench()
    following = asyncio.create_task(made.jobs.follow())
    yield made
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


def job(name: str, rules: Rules | None = None, **more: Any) -> Job:
    config = ScrapeConfig(name, scrape_interval=Duration(1000), scrape_timeout=Duration(1000), **more)
    return Job(config, Rules() if rules is None else rules, Rules())


async def test_groups_become_targets_of_their_job(bench: Bench) -> None:
    await bench.jobs.apply([job("one"), job("two")], {})
    assert bench.pools["one"].synced == [[]]
    bench.discovery.publish("one", addresses=["a:1", "b:1"])
    await bench.synced("one", ["a:1", "b:1"])
    assert bench.pools["two"].synced == [[]]


async def test_many_targets_are_computed_beside_the_event_loop(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[object] = []
    real = asyncio.to_thread

    async def to_thread(function: Any, *args: Any) -> Any:
        used.append(function)
        return await real(function, *args)

    monkeypatch.setattr(module.asyncio, "to_thread", to_thread)
    await bench.jobs.apply([job("one")], {})
    for count in (module.LARGE - 1, module.LARGE):
        addresses = [f"a{number}:1" for number in range(count)]
        bench.discovery.publish("one", addresses=addresses)
        await bench.synced("one", addresses)
    assert len(used) == 1


async def test_a_reload_touches_only_what_has_changed(bench: Bench) -> None:
    await bench.jobs.apply([job("same"), job("changed"), job("gone")], {})
    pools = dict(bench.pools)
    await bench.jobs.apply([job("same"), job("changed", sample_limit=5), job("new")], {})
    assert bench.jobs.pools().keys() == {"same", "changed", "new"}
    assert bench.jobs.pools()["same"] is pools["same"]
    assert [pools[name].reloads for name in ("same", "changed")] == [0, 1]
    assert pools["gone"].retired
    assert bench.discovery.wanted.keys() == {"same", "changed", "new"}


async def test_a_pool_that_cannot_be_made_leaves_everything_as_it_was(bench: Bench) -> None:
    await bench.jobs.apply([job("one")], {})
    bench.refuse = "three"
    with pytest.raises(RuntimeError, match="no client"):
        await bench.jobs.apply([job("two"), job("three")], {})
    assert bench.jobs.pools().keys() == {"one"}
    assert bench.pools["two"].retired
    bench.discovery.publish("one", addresses=["a:1"])
    await bench.synced("one", ["a:1"])


@pytest.mark.parametrize("error", [RuntimeError("paint is dry"), SystemExit(1)])
async def test_a_job_that_fails_hurts_no_other_and_is_logged_once(
    bench: Bench, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    failing = True

    class Broken(Rules):
        """Rules that raise what the pure function does not expect."""

        def decide(self, labels: dict[str, str]) -> Any:
            if failing:
                raise error
            return super().decide(labels)

    await bench.jobs.apply([job("bad", Broken()), job("good")], {})
    for addresses in (["a:1"], ["b:1"], ["c:1"]):
        bench.discovery.publish("bad", "good", addresses=addresses)
        await bench.synced("good", addresses)
    messages = [record.message for record in caplog.records]
    assert messages == ["Targets could not be brought up to date"]
    failing = False
    bench.discovery.publish("bad", addresses=["d:1"])
    await bench.synced("bad", ["d:1"])


async def test_news_of_a_job_that_is_gone_is_nothing(bench: Bench) -> None:
    await bench.jobs.apply([job("one")], {})
    bench.discovery.publish("ghost", "one", addresses=["a:1"])
    await bench.synced("one", ["a:1"])


def test_relabel_steps_tell_what_each_rule_makes_of_the_labels(site: Any) -> None:
    rules = (
        RelabelConfig(target_label="x", replacement="1"),
        RelabelConfig(source_labels=("x",), regex="1", action="drop"),
        RelabelConfig(target_label="never", replacement="2"),
    )
    compiled = compile_job(ScrapeConfig("node", relabel_configs=rules), site.host().catalog())
    first, second, third = relabel_steps(compiled, {"a": "b"})
    assert first == {
        "rule": {"action": "replace", "target_label": "x", "replacement": "1"},
        "output": {"a": "b", "x": "1"},
        "keep": True,
    }
    assert [(one["output"], one["keep"]) for one in (second, third)] == [({}, False)] * 2


async def test_targets_that_are_discovered_twice_are_told_once_with_both_origins(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "narthex.server.jobs")
    await bench.jobs.apply([job("one")], {})
    for addresses in (["a:1", "a:1"], ["a:1", "a:1", "b:1"], ["a:1", "b:1"], ["a:1"]):
        bench.discovery.publish("one", addresses=addresses)
        await bench.synced("one", list(dict.fromkeys(addresses)))
    await bench.jobs.apply([], {})  # what is told comes after the targets
    told = [record for record in caplog.records if "twice" in record.message]
    assert [record.levelname for record in told] == ["WARNING", "INFO"]
    fields = vars(told[0])
    assert (fields["job"], fields["duplicates"], fields["target"]) == ("one", 1, "http://a:1/metrics")
    assert (fields["scraped_from"], fields["left_out_from"]) == ("feed/0 g", "feed/0 g")
