"""Readers in threads while rows arrive, series come, and slabs turn into files."""

from __future__ import annotations

import threading

import numpy as np
from tests.plugins.tsdb.conftest import Factory

from narthex.storage.protocol import Batch
from narthex.testing.storage_contract import T0, equal, family

STEPS = 1200


async def test_readers_see_every_row_that_was_appended_and_nothing_false(make: Factory) -> None:
    storage = make()
    await storage.start()
    appended, wrong, read = [0], [], [0]
    done = threading.Event()

    def check() -> None:
        least = appended[0]
        selection = storage.select([equal("i", "0")], 0, 1 << 60)
        seen = set()
        for frame in selection.frames:
            times = frame.times[:, frame.group[0]].copy()
            values = frame.window(0, len(times))[:, 0]
            rows = np.flatnonzero(times)
            if (values[rows] != (times[rows] - T0) // 1000).any():
                wrong.append("a value that belongs to another time")
            seen.update(times[rows].tolist())
        if len(seen) < least:
            wrong.append(f"{len(seen)} rows where {least} were appended before")
        read[0] += 1

    def reader() -> None:
        while not done.is_set() and not wrong:
            try:
                check()
            except Exception as error:  # noqa: BLE001 (whatever it is, the test must tell)
                wrong.append(repr(error))

    threads = [threading.Thread(target=reader) for _ in range(2)]
    for thread in threads:
        thread.start()
    lane = storage.open_lane(1000, 0)
    for step in range(STEPS):
        if step % 4 == 0:
            lane.extend(storage.register(family(step // 4 + 1)[-1:]))
        storage.append(Batch(lane, T0 + step * 1000, np.full(lane.width, float(step))))
        appended[0] = step + 1
        while read[0] < step // 20 and not wrong:  # readers keep up, so that they meet every phase
            done.wait(0.001)
    done.set()
    for thread in threads:
        thread.join()
    await storage.stop()
    assert not wrong
