"""A storage under load in a process of its own, to be killed at any moment: it appends, seals, compacts and deletes.

Run as ``python stressed.py DIRECTORY FIRST_ROW SEED [always]``. Time runs a few hundred thousand times faster than on
the wall, so that a second sees many slabs and blocks. It prints ``row N`` once the log of all rows before N was handed
to the kernel, or, with ``always``, once they are acknowledged; ``deleting FROM TO`` before it deletes a span of two
series, a plain one and one of histograms, and ``deleted FROM TO`` when that is durable.
"""

from __future__ import annotations

import asyncio
import logging
import random
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from prometheus_client import CollectorRegistry

from narthex.config.types import Duration
from narthex.kinds import BuildContext
from narthex.model.histogram import Buckets, Histogram
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchOp
from narthex.storage.frames import HistogramPoints, Points
from narthex.storage.protocol import Batch
from narthex.testing.clock import FakeClock
from narthex_plugins.tsdb import TsdbConfig, build

T0 = 1_700_006_400_000
STEP = 60_000
CONFIG = TsdbConfig(retention=Duration(1 << 50))  # sixty kills go through more than fifteen days
ALWAYS = replace(CONFIG, wal_fsync="always")
WIDTH = 12
"""Series of the lane; ``i="0"`` is the one of which spans are deleted."""


def value(row: int, series: int) -> float:
    """What stands in a cell: numbers of every kind that sealing writes differently."""
    return [float(row), 3.5, row * 0.25, row * 1e-7][series % 4]


def histogram(row: int) -> Histogram:
    """A counter that starts again, and gets another bucket now and then."""
    counts = [float(row % 500 + bucket) for bucket in range(3 + row // 700 % 3)]
    return Histogram(schema=1, count=sum(counts), sum=row * 0.5, positive=Buckets.run(-2, counts))


def tell(text: str) -> None:
    """One line to who watches."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def main(path: Path, row: int, seed: int, config: TsdbConfig) -> None:
    """Go on until killed."""
    log = logging.LoggerAdapter(logging.getLogger("stressed"))
    storage = build(config, BuildContext("tsdb", FakeClock(T0 / 1000), log, CollectorRegistry(), path))
    await storage.start()
    disk, dice = storage._disk, random.Random(seed)
    assert disk is not None
    tell("started")
    lane = storage.open_lane(STEP, 0)
    lane.extend(storage.register([Labels({"__name__": "m", "i": str(i)}) for i in range(WIDTH)]))
    own, native = (storage.register([Labels({"__name__": name})]) for name in "ph")
    while True:
        for _ in range(dice.randrange(1, 60)):
            points = Points(own, np.array([T0 + row * STEP + 7]), np.array([float(row)]))
            values = np.array([value(row, i) for i in range(WIDTH)])
            when = T0 + row * STEP
            held = HistogramPoints.of(native.tolist(), [when], [histogram(row)], [when - 5])
            storage.append(Batch(lane, when, values, points, held))
            row += 1
        await storage.acknowledged()
        while config is CONFIG and not disk.wal.idle:  # noqa: ASYNC110 (a thread empties the queue, without an event)
            await asyncio.sleep(0.002)
        tell(f"row {row}")
        if dice.random() < 0.7:
            disk.tidy(storage._newest, storage._newest)
        if dice.random() < 0.1:
            start = dice.randrange(row)
            end = start + dice.randrange(1, 100)
            tell(f"deleting {start} {min(end, row)}")
            span = T0 + start * STEP, T0 + end * STEP - 1
            matchers = [[Matcher(MatchOp.EQUAL, "i", "0")], [Matcher(MatchOp.EQUAL, "__name__", "h")]]
            await storage.delete_series(matchers, *span)
            tell(f"deleted {start} {min(end, row)}")
        if dice.random() < 0.03:
            await storage.clean_tombstones()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), ALWAYS if sys.argv[4:] else CONFIG))
