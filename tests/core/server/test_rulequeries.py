"""Rules' queries end: by themselves, by their deadline, or when they are broken off."""

from __future__ import annotations

import pytest

from narthex.errors import QueryCancelledError, QueryTimeoutError
from narthex.promql.engine import Engine
from narthex.server.rulequeries import RuleQueries
from narthex.testing.clock import FakeClock
from narthex.testing.storage import MemoryStorage


def queries(timeout: float) -> RuleQueries:
    clock = FakeClock()
    return RuleQueries(Engine(MemoryStorage(), monotonic=clock.monotonic), timeout, clock.monotonic)


def test_an_expression_is_evaluated_at_its_time() -> None:
    assert queries(10)("time()", 5000).value.value == 5.0


def test_a_deadline_ends_a_query() -> None:
    with pytest.raises(QueryTimeoutError):
        queries(-1)("vector(1)", 0)


def test_what_comes_after_the_cancellation_is_broken_off() -> None:
    run = queries(10)
    run.cancel()
    with pytest.raises(QueryCancelledError):
        run("vector(1)", 0)
