import pytest
from prometheus_client import CollectorRegistry

from narthex.config.scrape import ScrapeConfig
from narthex.http.client import Answer
from narthex.http.errors import HttpError
from narthex.model.labels import Labels
from narthex.model.target import Target
from narthex.plugins.catalog import Catalog, Contribution, Origin
from narthex.relabel.rules import Rules
from narthex.scrape.metrics import ScrapeMetrics
from narthex.scrape.pool import ScrapePool
from narthex.targets import TargetSet
from narthex.testing.clock import FakeClock
from narthex.testing.storage import MemoryStorage
from narthex_plugins.exposition import OPENMETRICS, TEXT

CATALOG = Catalog(scrape={one.name: Contribution(one, Origin("p", "d", "0")) for one in (OPENMETRICS, TEXT)})


class FakeClient:
    """Answers every request with what ``body`` holds: text, an answer, an error to raise, or an awaitable function."""

    def __init__(self, clock):
        self.clock = clock
        self.body = "a 1\n"
        self.requests = []
        self.closed = False

    async def request(self, method, url, *, seconds, headers, limit, unix_socket):
        assert not self.closed
        self.requests.append((self.clock.now(), str(url), headers, seconds, limit))
        body = self.body
        if callable(body):
            body = await body()
        if isinstance(body, Exception):
            raise body
        if isinstance(body, Answer):
            return body
        return Answer(200, "OK", {"Content-Type": "text/plain"}, body.encode())

    async def close(self):
        self.closed = True


class Bench:
    """A pool with fakes around it."""

    def __init__(self):
        self.clock = FakeClock()
        self.storage = MemoryStorage()
        self.registry = CollectorRegistry()
        self.metrics = ScrapeMetrics(self.registry)
        self.batches = None
        self.clients = []
        self.pools = []

    @property
    def client(self):
        return self.clients[-1]

    def make_client(self, _config):
        self.clients.append(FakeClient(self.clock))
        return self.clients[-1]

    def pool(self, rules=None, seed=0, **config):
        config = {"job_name": "j", "scrape_interval": 10_000, "scrape_timeout": 10_000, **config}
        pool = ScrapePool(
            ScrapeConfig(**config),
            rules or Rules(),
            storage=self.storage,
            catalog=CATALOG,
            clock=self.clock,
            metrics=self.metrics,
            make_client=self.make_client,
            seed=seed,
            batches=self.batches,
        )
        self.pools.append(pool)
        return pool

    def values(self, name, **labels):
        found = self.storage.samples(name=name, **labels)
        return [sample for samples in found.values() for sample in samples]

    def metric(self, name, **labels):
        return self.registry.get_sample_value(f"prometheus_target_{name}", labels)


@pytest.fixture
async def bench():
    one = Bench()
    yield one
    for pool in one.pools:
        await pool.stop()


def make_target(address="h:1", interval=10_000, path="/metrics", **more):
    labels = Labels(
        {
            "__address__": address,
            "__scrape_interval__": f"{interval}ms",
            "__scrape_timeout__": "1s",
            "instance": address,
            "job": "j",
            **more,
        }
    )
    public = Labels({name: value for name, value in labels.items() if not name.startswith("__")})
    return Target("j", labels, f"http://{address}{path}", labels, public, interval, min(interval, 10_000))


@pytest.fixture
def target():
    return make_target


@pytest.fixture
def found():
    return lambda *targets: TargetSet("j", tuple(targets))


@pytest.fixture
def refused():
    return HttpError("connection refused")
