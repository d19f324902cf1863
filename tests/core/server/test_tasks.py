"""Work that must not end."""

from __future__ import annotations

import asyncio

import pytest

from narthex.server.tasks import keep_running, quietly
from narthex.testing.clock import FakeClock


@pytest.mark.parametrize("error", [RuntimeError("bug"), SystemExit(1), None])
async def test_work_that_ends_begins_again_after_a_pause(
    caplog: pytest.LogCaptureFixture, error: BaseException | None
) -> None:
    clock, runs = FakeClock(), []

    async def work() -> None:
        runs.append(clock.monotonic())
        if error is not None:
            raise error

    task = asyncio.create_task(keep_running("discovery", work, clock))
    await clock.advance(2.5)
    assert runs == [0, 1, 2]
    assert {record.part for record in caplog.records} == ({"discovery"} if error else set())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_one_stop_that_fails_does_not_keep_the_others(caplog: pytest.LogCaptureFixture) -> None:
    async def stop() -> None:
        raise RuntimeError("stuck")

    await quietly("rules", stop())
    (record,) = caplog.records
    assert record.part == "rules"
    assert record.exc_info
