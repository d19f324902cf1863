"""Random histories against a dictionary.

Time always advances, so every sample must be stored whichever way it takes (row, general path, another slab), and must
come back bit by bit, over clean restarts and crashes.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.plugins.tsdb.conftest import Factory

from narthex.model.labels import Labels
from narthex.model.sample import MISSING, STALE_NAN
from narthex.storage.frames import Points
from narthex.storage.protocol import Batch, Lane
from narthex.testing.storage_contract import samples
from narthex_plugins.tsdb.storage import Tsdb

SERIES = [Labels({"__name__": f"m{i % 3}", "i": str(i), **({"odd": "yes"} if i % 2 else {})}) for i in range(12)]
INTERVALS = [1000, 15_000]
CELLS = [0.0, -0.0, 1.5, float("inf"), MISSING, STALE_NAN]

Step = tuple[str, int, int]

steps = st.lists(
    st.one_of(
        st.tuples(st.just("open"), st.integers(0, 1), st.integers(0, 900)),
        st.tuples(st.just("extend"), st.integers(0, 5), st.integers(0, 1 << 12)),
        st.tuples(st.just("row"), st.integers(0, 5), st.integers(1, 3000)),
        st.tuples(st.just("rows"), st.integers(0, 5), st.integers(1, 130)),
        st.tuples(st.just("jump"), st.integers(0, 5), st.integers(1, 4_000_000)),
        st.tuples(st.just("points"), st.integers(0, 5), st.integers(1, 5)),
        st.tuples(st.just("close"), st.integers(0, 5), st.just(0)),
        st.tuples(st.just("restart"), st.just(0), st.just(0)),
        st.tuples(st.just("crash"), st.just(0), st.just(0)),
    ),
    max_size=40,
)


@dataclass
class World:
    root: Path
    storage: Tsdb = field(init=False)
    factory: Factory = field(init=False)
    now: int = 1_700_000_000_123
    count: int = 0
    lanes: list[tuple[Lane, list[int]]] = field(default_factory=list)
    expected: dict[Labels, list[tuple[int, int]]] = field(default_factory=dict)

    async def begin(self) -> None:
        self.factory = Factory(self.root / "0")
        self.storage = self.factory()
        await self.storage.start()

    async def do(self, kind: str, which: int, number: int) -> None:
        if kind == "open":
            self.lanes.append((self.storage.open_lane(INTERVALS[which], number), []))
            self.extend(self.lanes[-1], number)
        elif kind in {"restart", "crash"}:
            await self.reopen(crash=kind == "crash")
        elif self.lanes:
            lane = self.lanes[which % len(self.lanes)]
            if kind == "extend":
                self.extend(lane, number)
            elif kind == "close":
                lane[0].close()
                self.lanes.remove(lane)
            elif kind == "rows":
                for _ in range(number):
                    self.row(lane, 1000, 0)
            else:
                self.row(lane, number, number if kind == "points" else 0)

    def extend(self, lane: tuple[Lane, list[int]], seed: int) -> None:
        new = [i for i in range(12) if seed >> i & 1 and i not in lane[1]]
        lane[0].extend(self.storage.register([SERIES[i] for i in new]))
        lane[1].extend(new)

    def row(self, lane: tuple[Lane, list[int]], delta: int, points: int) -> None:
        self.now += delta
        self.count += 1
        values = np.array([CELLS[(self.count * 7 + i) % len(CELLS)] for i in range(lane[0].width)])
        values[np.arange(len(values)) % 4 == 3] = self.count
        own = None
        if points:
            i = self.count % len(SERIES)
            ref = self.storage.register([SERIES[i]])
            times = self.now + 1 + np.arange(points)
            own = Points(np.repeat(ref, points), times, np.arange(points) * 0.5)
        result = self.storage.append(Batch(lane[0], self.now, values, own))
        stored = 0
        for i, bits in zip(lane[1], values.view(np.int64).tolist(), strict=True):
            if bits != MISSING.view(np.int64):
                self.expect(i, self.now, bits)
                stored += 1
        if own is not None:
            for time, bits in zip(own.times.tolist(), own.values.view(np.int64).tolist(), strict=True):
                self.expect(self.count % len(SERIES), time, bits)
                stored += 1
            self.now += points
        assert result.stored == stored, result

    def expect(self, i: int, time: int, bits: int) -> None:
        self.expected.setdefault(SERIES[i], []).append((time, bits))

    async def reopen(self, *, crash: bool) -> None:
        old = self.storage
        if crash:
            # What the kernel has is what a killed process leaves; the copy is taken while the storage is open.
            old._disk.wal.flush()
            self.factory = Factory(self.root / f"{self.count}-{len(list(self.root.iterdir()))}")
            shutil.copytree(old._path, self.factory.data)
        await old.stop()
        self.lanes.clear()
        self.storage = self.factory()
        await self.storage.start()
        assert self.factory.metric("wal_corruptions_total") == 0

    def check(self) -> None:
        assert samples(self.storage) == self.expected
        if self.expected:
            middle = self.now - 500_000
            late = {k: [x for x in v if x[0] >= middle] for k, v in self.expected.items()}
            assert samples(self.storage, start=middle) == {k: v for k, v in late.items() if v}


async def play(root: Path, history: list[Step]) -> None:
    world = World(root)
    await world.begin()
    try:
        for step in history:
            await world.do(*step)
        world.check()
        await world.reopen(crash=True)
        world.check()
        await world.reopen(crash=False)
        world.check()
    finally:
        await world.storage.stop()


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps)
def test_every_sample_of_any_history_comes_back(history: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as root:
        asyncio.run(play(Path(root), history))
