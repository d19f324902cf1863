"""A storage in a process of its own that takes histograms until it is killed; prints rows that its log holds."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

from prometheus_client import CollectorRegistry
from tests.plugins.tsdb.histograms.test_disk import T0, write

from narthex.kinds import BuildContext
from narthex.testing.clock import FakeClock
from narthex_plugins.tsdb import TsdbConfig, build


async def main(path: Path) -> None:
    log = logging.LoggerAdapter(logging.getLogger("writer"))
    storage = build(TsdbConfig(), BuildContext("tsdb", FakeClock(T0 / 1000), log, CollectorRegistry(), path))
    await storage.start()
    disk, row = storage._disk, 0
    assert disk is not None
    while True:
        write(storage, row, 10)
        row += 10
        if row % 30 == 0:
            disk.seal_points(force=True)
        while not disk.wal.idle:  # noqa: ASYNC110 (a thread empties the queue; there is no event to await)
            await asyncio.sleep(0.01)
        sys.stdout.write(f"{row}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
