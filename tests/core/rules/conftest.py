"""Rules over a storage in memory, with the real engine and a clock that the test moves."""

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry

from narthex.promql.engine import Engine
from narthex.rules.group import Services
from narthex.rules.metrics import RuleMetrics
from narthex.testing.clock import FakeClock
from narthex.testing.storage import MemoryStorage


@pytest.fixture
def world():
    """Everything a group works with, and what it did: ``sent`` holds one list for each call of ``send``."""
    storage, registry, sent = MemoryStorage(), CollectorRegistry(), []
    engine = Engine(storage)
    clock = FakeClock(now=1_700_000_000.0)
    with ThreadPoolExecutor(1) as executor:
        services = Services(
            storage=storage,
            parse=engine.parse,
            query=engine.instant,
            send=lambda alerts: sent.append(list(alerts)),
            clock=clock,
            executor=executor,
            metrics=RuleMetrics(registry),
        )
        yield SimpleNamespace(
            storage=storage, engine=engine, clock=clock, services=services, registry=registry, sent=sent
        )
