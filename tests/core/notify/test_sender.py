import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from narthex.errors import NotifyError
from narthex.model.alert import Alert
from narthex.model.labels import Labels
from narthex.notify.metrics import NotifyMetrics
from narthex.notify.sender import Deliver, Sender
from narthex.testing.clock import FakeClock, settle


def alerts(*names: str) -> list[Alert]:
    return [Alert(Labels({"alertname": name})) for name in names]


def names(batch: Sequence[Alert]) -> list[str]:
    return [alert.labels["alertname"] for alert in batch]


class Destination:
    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.error: BaseException | None = None

    async def __call__(self, batch: Sequence[Alert], deadline: float) -> None:
        await self.open.wait()
        if self.error is not None:
            raise self.error
        self.batches.append(names(batch))


def sender(deliver: Deliver, registry: CollectorRegistry, *, capacity: int = 10, batch_size: int = 3) -> Sender:
    return Sender(
        "am",
        deliver,
        timeout=5,
        capacity=capacity,
        batch_size=batch_size,
        clock=FakeClock(),
        metrics=NotifyMetrics(registry),
    )


def value(registry: CollectorRegistry, name: str) -> float:
    return registry.get_sample_value(f"prometheus_notifications_{name}", {"alertmanager": "am"}) or 0


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


async def test_alerts_leave_in_order_and_in_batches(registry: CollectorRegistry) -> None:
    destination = Destination()
    one = sender(destination, registry)
    one.start()
    one.enqueue(alerts("a", "b", "c", "d"))
    await settle()
    assert destination.batches == [["a", "b", "c"], ["d"]]
    assert value(registry, "sent_total") == 4
    await one.stop(drain=True, grace=1)


async def test_a_full_queue_drops_the_oldest(registry: CollectorRegistry) -> None:
    destination = Destination()
    one = sender(destination, registry, capacity=3)
    one.enqueue(alerts("a", "b"))
    one.enqueue(alerts("c", "d"))
    one.start()
    await settle()
    assert destination.batches == [["b", "c", "d"]]
    assert value(registry, "dropped_total") == 1
    await one.stop(drain=True, grace=1)


async def test_more_than_the_capacity_keeps_the_newest_part(registry: CollectorRegistry) -> None:
    destination = Destination()
    one = sender(destination, registry, capacity=2)
    one.enqueue(alerts("a", "b", "c", "d", "e"))
    one.start()
    await settle()
    assert destination.batches == [["d", "e"]]
    assert value(registry, "dropped_total") == 3
    await one.stop(drain=True, grace=1)


@pytest.mark.parametrize("error", [NotifyError("refused"), RuntimeError("bug"), SystemExit(3)])
async def test_a_failed_batch_is_counted_not_retried_and_logged_once(
    registry: CollectorRegistry, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    destination = Destination()
    destination.error = error
    one = sender(destination, registry, batch_size=1)
    one.start()
    with caplog.at_level(logging.INFO, "narthex.notify"):
        one.enqueue(alerts("a", "b"))
        await settle()
        destination.error = None
        one.enqueue(alerts("c"))
        await settle()
    assert destination.batches == [["c"]]
    assert value(registry, "errors_total") == 2
    assert [record.message for record in caplog.records] == ["alerts could not be sent", "alerts are accepted again"]
    await one.stop(drain=True, grace=1)


async def test_a_stop_drains_the_queue(registry: CollectorRegistry) -> None:
    destination = Destination()
    one = sender(destination, registry)
    one.start()
    one.enqueue(alerts("a", "b"))
    await one.stop(drain=True, grace=5)
    assert destination.batches == [["a", "b"]]


async def test_a_stop_gives_up_on_a_hanging_destination_and_says_what_was_lost(
    registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    destination = Destination()
    destination.open.clear()
    one = sender(destination, registry, batch_size=1)
    one.start()
    one.enqueue(alerts("a", "b"))
    await settle()
    await one.stop(drain=True, grace=0.05)
    assert destination.batches == []
    (record,) = [one for one in caplog.records if one.message == "alerts were not sent before the stop"]
    assert record.alerts == 1  # type: ignore[attr-defined] -- the other one had left the queue


async def test_a_receiver_that_breaks_off_by_itself_does_not_end_its_sender(registry: CollectorRegistry) -> None:
    destination = Destination()
    destination.error = asyncio.CancelledError()
    one = sender(destination, registry)
    one.start()
    one.enqueue(alerts("a"))
    await settle()
    destination.error = None
    one.enqueue(alerts("b"))
    await settle()
    assert destination.batches == [["b"]]
    await one.stop(drain=True, grace=1)


async def test_series_of_a_name_go_with_its_last_sender(registry: CollectorRegistry) -> None:
    metrics = NotifyMetrics(registry)
    kwargs: dict[str, Any] = {"timeout": 5, "capacity": 9, "batch_size": 3, "clock": FakeClock(), "metrics": metrics}
    first, second = Sender("am", Destination(), **kwargs), Sender("am", Destination(), **kwargs)
    second.start()
    second.enqueue(alerts("a"))
    await settle()
    await first.stop(drain=True, grace=1)
    assert value(registry, "sent_total") == 1
    await second.stop(drain=True, grace=1)
    assert registry.get_sample_value("prometheus_notifications_sent_total", {"alertmanager": "am"}) is None
