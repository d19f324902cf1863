"""The contract of a storage: what went in by rows and points comes out again, and what cannot be taken is told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from narthex.errors import StorageError
from narthex.kinds import BuildContext
from narthex.model.labels import Labels
from narthex.model.sample import MISSING, STALE_NAN, STALE_NAN_BITS
from narthex.storage.protocol import Batch, Lane, Storage
from narthex.testing.clock import FakeClock
from narthex.testing.rig import ConfiguredRig
from narthex.testing.rule import Broken, rule
from narthex.testing.storage_contract import STEP, T0, bits, equal, family, points_of, row, samples

__all__ = ["RULES", "StorageRig", "agree", "lane_of"]


class StorageRig(ConfiguredRig):
    """A storage kind. Every storage that a rule makes is on the same data, so that it can be stopped and started again.

    ``durable`` False: it keeps nothing over a restart. ``histograms`` False: it takes no native histograms and no start
    timestamps. What is not claimed is not checked. A kind whose options all have defaults needs no more.
    """

    stage: ClassVar[str] = "storage"
    durable: bool = True
    histograms: bool = True

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock(T0 / 1000)  # the time of the samples

    async def start(self) -> None:
        """The directory that the storages share."""
        self.data = self.directory()

    def context(self, registry: Any = None) -> BuildContext:
        """With the data directory."""
        context = super().context(registry)
        return BuildContext(self.kind, context.clock, context.log, context.registry, self.data)

    async def running(self) -> Storage:
        """A storage that is started, and stopped at the end of the rule."""
        storage: Storage = self.make()
        self._stack.push_async_callback(storage.stop)
        await storage.start()
        return storage


def lane_of(storage: Storage, labels: Sequence[Labels], phase: int = 0) -> tuple[Lane, NDArray[np.int64]]:
    """A lane with these series, and their references."""
    refs = storage.register(labels)
    lane = storage.open_lane(STEP, phase)
    lane.extend(refs)
    return lane, refs


def agree(found: object, expected: object, what: str) -> None:
    """Raise ``Broken`` where two values differ."""
    if found != expected:
        raise Broken(f"{what}: expected {expected!r:.300}, found {found!r:.300}")


@rule("storage/identity")
async def identity(rig: StorageRig) -> None:
    """The same labels have the same reference."""
    storage = await rig.running()
    one, two = Labels({"__name__": "a"}), Labels({"__name__": "a", "x": "y"})
    first = storage.register([one, two, one]).tolist()
    if first[0] != first[2] or first[0] == first[1]:
        raise Broken(f"references {first} for the label sets a, b, a")
    agree(storage.register([two, one]).tolist(), [first[1], first[0]], "references when registered again")


@rule("storage/rows")
async def rows(rig: StorageRig) -> None:
    """Rows come back with their times and values, also when there are many."""
    storage = await rig.running()
    lane, _ = lane_of(storage, family(3))
    for step in range(300):
        agree(storage.append(row(lane, T0 + step * STEP, step, step + 0.5, 7.0)).stored, 3, "samples stored of a row")
    expected = [(T0 + step * STEP, bits(step + 0.5)[0]) for step in range(300)]
    agree(samples(storage, [equal("i", "1")]), {family(3)[1]: expected}, "samples of a series")


@rule("storage/window")
async def window(rig: StorageRig) -> None:
    """A window is answered whole, both ends included."""
    storage = await rig.running()
    lane, _ = lane_of(storage, family(1), phase=4321)
    times = [T0 + 4321 + step * STEP for step in range(200)]
    for time in times:
        storage.append(row(lane, time, 1.0))
    for start, end in ((times[3], times[5]), (times[3] + 1, times[5] - 1), (times[150], times[199]), (0, times[0])):
        found = samples(storage, start=start, end=end).get(family(1)[0], [])
        agree([time for time, _ in found], [t for t in times if start <= t <= end], f"times in {start}…{end}")


@rule("storage/markers")
async def markers(rig: StorageRig) -> None:
    """Missing cells are no samples, stale markers are, and both are told apart by their bits."""
    storage = await rig.running()
    lane, _ = lane_of(storage, family(2))
    agree(storage.append(row(lane, T0, 1.0, MISSING)).stored, 1, "stored of a row with a missing cell")
    agree(storage.append(row(lane, T0 + STEP, STALE_NAN, 2.0)).stored, 2, "stored of a row with a stale marker")
    found = samples(storage)
    agree(found.get(family(2)[0]), [(T0, bits(1.0)[0]), (T0 + STEP, STALE_NAN_BITS)], "the series that ended")
    agree(found.get(family(2)[1]), [(T0 + STEP, bits(2.0)[0])], "the series that was missing")


@rule("storage/columns")
async def columns(rig: StorageRig) -> None:
    """Columns that a lane gets later have no earlier samples."""
    storage = await rig.running()
    lane, _ = lane_of(storage, family(2))
    storage.append(row(lane, T0, 1.0, 2.0))
    lane.extend(storage.register(family(4)[2:]))
    agree(lane.width, 4, "the width of the lane")
    storage.append(row(lane, T0 + STEP, 3.0, 4.0, 5.0, 6.0))
    agree(samples(storage, [equal("i", "3")]), {family(4)[3]: [(T0 + STEP, bits(6.0)[0])]}, "a later column")


@rule("storage/copies")
async def copies(rig: StorageRig) -> None:
    """The caller may use its array again."""
    storage = await rig.running()
    lane, _ = lane_of(storage, family(1))
    values = np.array([1.0])
    storage.append(Batch(lane, T0, values))
    values[0] = 2.0
    agree(samples(storage).get(family(1)[0]), [(T0, bits(1.0)[0])], "a sample whose array was changed afterwards")


@rule("storage/points")
async def points(rig: StorageRig) -> None:
    """Points keep their own times, which may be older than the row they come with."""
    storage = await rig.running()
    lane, refs = lane_of(storage, family(2))
    own = points_of((int(refs[1]), T0 - 7, 5.0), (int(refs[1]), T0 - 3, 6.0))
    agree(storage.append(row(lane, T0, 1.0, MISSING, points=own)).stored, 3, "stored of a row with two points")
    found = samples(storage, [equal("i", "1")]).get(family(2)[1])
    agree(found, [(T0 - 7, bits(5.0)[0]), (T0 - 3, bits(6.0)[0])], "points")


@rule("storage/acceptance")
async def acceptance(rig: StorageRig) -> None:
    """A repeated point is taken, another value for its time is a duplicate, an earlier one out of order."""
    storage = await rig.running()
    lane, refs = lane_of(storage, family(2))
    ref = int(refs[0])
    storage.append(row(lane, T0, MISSING, 1.0, points=points_of((ref, T0, 1.0))))
    again = points_of((ref, T0, 1.0), (ref, T0, 2.0), (ref, T0 - 1, 3.0))
    result = storage.append(row(lane, T0 + STEP, MISSING, 1.0, points=again))
    agree((result.duplicate, result.out_of_order), (1, 1), "duplicates and points out of order")
    agree(samples(storage).get(family(2)[0]), [(T0, bits(1.0)[0])], "the series afterwards")


@rule("storage/shared-series")
async def shared_series(rig: StorageRig) -> None:
    """Two lanes may hold one series, as two targets may expose it."""
    storage = await rig.running()
    first, _ = lane_of(storage, family(1))
    second, _ = lane_of(storage, family(1), phase=5000)
    for lane, time in ((first, T0), (second, T0 + 5000), (first, T0 + STEP)):
        storage.append(row(lane, time, 1.0))
    found = samples(storage).get(family(1)[0], [])
    agree([time for time, _ in found], [T0, T0 + 5000, T0 + STEP], "times of the series")


@rule("storage/moving-series")
async def moving_series(rig: StorageRig) -> None:
    """A series moves from a lane that was closed to another; closing twice is harmless."""
    storage = await rig.running()
    first, _ = lane_of(storage, family(1))
    storage.append(row(first, T0, 1.0))
    first.close()
    first.close()
    second, _ = lane_of(storage, family(1), phase=5000)
    for time in (T0 + 5000, T0 + 5000 + STEP):
        storage.append(row(second, time, 2.0))
    found = samples(storage).get(family(1)[0], [])
    agree([time for time, _ in found], [T0, T0 + 5000, T0 + 5000 + STEP], "times of the series")


@rule("storage/width")
async def width(rig: StorageRig) -> None:
    """A row of the wrong width is refused whole, with a StorageError."""
    storage = await rig.running()
    lane, _ = lane_of(storage, family(2))
    try:
        storage.append(row(lane, T0, 1.0))
    except (StorageError, AssertionError):  # a storage for tests may assert
        agree(samples(storage), {}, "samples of a row that was refused")
    else:
        raise Broken("took a row of 1 value for a lane of 2 columns")


@rule("storage/readers")
async def readers(rig: StorageRig) -> None:
    """Readers in other threads see every row whose append returned, while rows go on arriving."""
    storage = await rig.running()
    lane, _ = lane_of(storage, family(20))
    written, done = [0], asyncio.Event()

    def read() -> None:
        while not done.is_set():
            least = written[0]
            found = samples(storage, [equal("i", "7")]).get(family(20)[7], [])
            if len(found) < least:
                raise Broken(f"a reader saw {len(found)} samples when {least} were appended")
            storage.label_values("i", [], T0, T0 + 1000 * STEP)

    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(3) as pool:
        reading = [loop.run_in_executor(pool, read) for _ in range(3)]
        try:
            for step in range(300):
                storage.append(row(lane, T0 + step * STEP, *[float(step)] * 20))
                written[0] = step + 1
                await asyncio.sleep(0.0005 if step % 10 == 0 else 0)
        finally:
            done.set()
            outcomes = await asyncio.gather(*reading, return_exceptions=True)
    for one in outcomes:
        if isinstance(one, BaseException):
            raise one


RULES = (
    identity, rows, window, markers, columns, copies, points, acceptance, shared_series, moving_series, width, readers,
)  # fmt: skip
