"""Ten reloads in a row, 1,000 targets: no target that a reload does not concern misses or moves a scrape.

The configuration is read from files as the server reads it, jobs, supervisor, pools and loops are the real ones; only
the clock, the HTTP client and the storage are made for tests, so that every scrape's time is known to the millisecond.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from narthex import hookimpl
from narthex.discovery.supervisor import Supervisor
from narthex.errors import ConfigError
from narthex.http.client import Answer
from narthex.kinds import DiscoveryKind
from narthex.model.labels import Labels
from narthex.model.targetgroup import TargetGroup
from narthex.scrape.metrics import ScrapeMetrics
from narthex.server.jobs import Jobs
from narthex.server.parts import PoolFactory
from narthex.testing.clock import FakeClock, settle
from narthex.testing.storage import MemoryStorage

JOBS, TARGETS, INTERVAL = 50, 20, 10.0


@dataclass(frozen=True)
class FleetConfig:
    """Finds ``size`` hosts named after ``name``."""

    name: str
    size: int = TARGETS


class Fleet:
    def __init__(self, config: FleetConfig, _context: Any) -> None:
        self._config = config

    async def run(self, publish: Any) -> None:
        name = self._config.name
        hosts = tuple({"__address__": f"{name}-{i}:9100", "__meta_number": str(i)} for i in range(self._config.size))
        publish([TargetGroup("fleet", hosts)])
        await asyncio.Event().wait()


class Plugin:
    @staticmethod
    @hookimpl
    def narthex_discovery_kinds() -> Any:
        return [DiscoveryKind("fleet", FleetConfig, Fleet)]


class Client:
    """Answers every scrape and notes when it came."""

    def __init__(self, clock: FakeClock, seen: dict[str, list[float]]) -> None:
        self._clock, self._seen = clock, seen

    async def request(self, _method: str, url: Any, **_: Any) -> Answer:
        self._seen[str(url)].append(round(self._clock.now() * 1000))
        return Answer(200, "OK", {"Content-Type": "text/plain"}, b"a 1\nb 2\n")

    async def close(self) -> None:
        """Nothing is open."""


class Place:
    """A server's scraping half, over a directory with a configuration file."""

    def __init__(self, site: Any) -> None:
        site.plugins["fleet"] = Plugin()
        self.site = site
        self.clock = FakeClock()
        self.seen: dict[str, list[float]] = defaultdict(list)
        self.clients = 0
        registry = CollectorRegistry()
        catalog = site.host().catalog()
        self.supervisor = Supervisor(catalog, self.clock, registry, isolate=False)
        metrics = ScrapeMetrics(registry)
        self.jobs = Jobs(self.supervisor, PoolFactory(MemoryStorage(), catalog, self.clock, metrics, self.client))
        self.config: dict[str, dict[str, Any]] = {f"job{i}": self.job(i) for i in range(JOBS)}

    @staticmethod
    def job(number: int) -> dict[str, Any]:
        """Every other job is found by discovery, the others stand in the file."""
        name = f"job{number}"
        if number % 2:
            return {"job_name": name, "fleet_sd_configs": [{"name": name}]}
        return {"job_name": name, "static_configs": [{"targets": [f"{name}-{i}:9100" for i in range(TARGETS)]}]}

    def client(self, _config: Any) -> Any:
        self.clients += 1
        return Client(self.clock, self.seen)

    async def reload(self) -> None:
        """Read the file and put it in force, as the server does."""
        plan = self.site.plan()
        await self.jobs.apply(plan.jobs, Labels({}))
        await settle()

    def write(self) -> None:
        head = {"global": {"scrape_interval": "10s", "scrape_timeout": "5s"}}
        self.site.write(yaml.safe_dump({**head, "scrape_configs": list(self.config.values())}))

    def loops(self) -> dict[str, Any]:
        """By URL the state that must survive: cache and slots of every loop."""
        return {
            loop.target.url: (loop, loop.cache, loop.slots)
            for pool in self.jobs.pools().values()
            for loop in [one.loop for one in pool._running.values()]
        }


CHANGES = [
    ("job1", {"relabel_configs": [{"target_label": "team", "replacement": "a"}]}),
    ("job2", {"metric_relabel_configs": [{"source_labels": ["__name__"], "regex": "b", "action": "drop"}]}),
    ("job3", {"fleet_sd_configs": [{"name": "job3", "size": TARGETS + 5}]}),
    ("job4", {"scrape_interval": "5s"}),
    ("job5", {"sample_limit": 100}),
    ("job6", None),  # the job goes
    ("job7", {"honor_labels": True}),
    ("job8", {"static_configs": [{"targets": ["job8-0:9100"], "labels": {"rack": "r1"}}]}),
    ("job9", {"narthex": {"discovery": {"hold": "1m"}}}),
    ("job10", {"fleet_sd_configs": [{"name": "job1"}]}),  # shares the discoverer of job1 from now on
]


@pytest.fixture
async def place(site: Any) -> AsyncIterator[Place]:
    made = Place(site)
    made.write()
    await made.reload()
    following = asyncio.create_task(made.jobs.follow())
    await made.clock.advance(3 * INTERVAL)
    yield made
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    stopping = asyncio.create_task(made.jobs.stop_discovery(1.0))
    while not stopping.done():
        await asyncio.sleep(0.001)
        await made.clock.advance(0.1)
    await made.jobs.stop()


def job_of(url: str) -> str:
    return url.removeprefix("http://").partition("-")[0]


async def test_ten_reloads_in_a_row_move_no_scrape_of_an_untouched_target(place: Place) -> None:
    before = place.loops()
    assert len(before) == JOBS * TARGETS
    clients = place.clients
    for number, (name, change) in enumerate(CHANGES):
        if change is None:
            del place.config[name]
        else:
            place.config[name] = {**place.config[name], **change}
        place.write()
        await place.reload()
        if number == 4:
            text = (place.site.root / "prometheus.yml").read_text()
            place.site.write(text.replace("job_name: job20\n", "job_name: job20\n  scrape_interval: never\n"))
            with pytest.raises(ConfigError):
                await place.reload()
        await place.clock.advance(3.7)
    await place.clock.advance(3 * INTERVAL)
    touched = {name for name, _ in CHANGES}
    untouched = {url for url in before if job_of(url) not in touched}
    assert len(untouched) == (JOBS - len(CHANGES)) * TARGETS
    after = place.loops()
    end = place.clock.now() * 1000
    for url in untouched:
        assert all(one is other for one, other in zip(before[url], after[url], strict=True)), url
        times = place.seen[url]
        assert {late - early for early, late in itertools.pairwise(times)} == {INTERVAL * 1000}, url
        assert end - times[-1] < INTERVAL * 1000, url
    assert place.clients == clients, "connections are kept"


async def test_targets_that_stay_in_a_changed_job_keep_their_slots(place: Place) -> None:
    """Other limits, rules for metrics, more targets: those that are still the same are scraped when they were due."""
    for name, change in CHANGES:
        if name in {"job2", "job3", "job5", "job7", "job9"}:
            place.config[name] |= change
            place.write()
            await place.reload()
            await place.clock.advance(3.7)
    await place.clock.advance(2 * INTERVAL)
    for name in ("job2", "job3", "job5", "job7", "job9"):
        for i in range(TARGETS):
            times = place.seen[f"http://{name}-{i}:9100/metrics"]
            assert {late - early for early, late in itertools.pairwise(times)} == {INTERVAL * 1000}, name
    assert len(place.jobs.pools()["job3"].status().targets) == TARGETS + 5


async def test_a_refused_file_touches_nothing(place: Place) -> None:
    before = place.loops()
    place.site.write("scrape_configs: [{job_name: job1, scrape_interval: never}]\n")
    with pytest.raises(ConfigError):
        await place.reload()
    await place.clock.advance(INTERVAL)
    assert place.loops() == before
