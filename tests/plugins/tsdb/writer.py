"""A server's storage in a process of its own, to be killed: prints the number of each row once its log was written.

Run as ``python writer.py DIRECTORY``. It never flushes by itself, so what it acknowledges is what the background thread
has handed to the kernel.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

import numpy as np
from prometheus_client import CollectorRegistry

from narthex.kinds import BuildContext
from narthex.model.labels import Labels
from narthex.storage.frames import Points
from narthex.storage.protocol import Batch
from narthex.testing.clock import FakeClock
from narthex_plugins.tsdb import TsdbConfig, build

T0 = 1_700_000_000_000


async def main(path: Path) -> None:
    log = logging.LoggerAdapter(logging.getLogger("writer"))
    storage = build(TsdbConfig(), BuildContext("tsdb", FakeClock(T0 / 1000), log, CollectorRegistry(), path))
    await storage.start()
    assert storage._disk is not None
    lane = storage.open_lane(1000, 0)
    row = 0
    while True:
        for _ in range(40):
            if row % 10 == 0:  # series come on the way
                lane.extend(storage.register([Labels({"__name__": "m", "i": str(row)})]))
            series = storage.register([Labels({"__name__": "p"})])
            own = Points(series, np.array([T0 + row * 1000]), np.array([float(row)]))
            storage.append(Batch(lane, T0 + row * 1000, np.full(lane.width, float(row)), own))
            row += 1
        while not storage._disk.wal.idle:  # noqa: ASYNC110 (a thread empties the queue; there is no event to await)
            await asyncio.sleep(0.01)
        sys.stdout.write(f"{row}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
