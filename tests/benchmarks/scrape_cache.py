"""What the series cache costs per sample, without HTTP and with a storage that does nothing."""

# ruff: noqa: T201 -- printing is what it is for

from __future__ import annotations

import gc
import time
import tracemalloc

import numpy as np

from narthex.model.labels import Labels
from narthex.relabel.rules import Rules
from narthex.scrape.cache import CacheOptions, SeriesCache
from narthex.scrape.identity import SeriesIdentity
from narthex.scrape.row import Row
from narthex.scrape.templates import Common
from narthex.storage.protocol import Appended
from narthex_plugins.exposition import TEXT

SERIES, CHANGING, VERSIONS = 1000, 0.4, 20


class NullLane:
    """Takes columns and forgets them."""

    width = 0

    def extend(self, refs):
        """Forget."""

    def close(self):
        """Forget."""


class NullStorage:
    """Numbers series and throws rows away."""

    def __init__(self):
        self.count = 0

    def register(self, labels):
        """Fresh numbers: the benchmark registers each series once."""
        self.count += len(labels)
        return np.arange(self.count - len(labels), self.count, dtype=np.int64)

    def open_lane(self, interval, phase):
        """One lane for all."""
        return NullLane()

    def append(self, batch):
        """Throw away."""
        return Appended()


def body(version: int, extra: str = "") -> bytes:
    """A body in the text format: families of 20 counters, of which a share moves with ``version``."""
    out = []
    for family in range(SERIES // 20):
        name = f"bench_metric_{family}_total"
        out.append(f"# HELP {name} Synthetic counter family {family}.\n# TYPE {name} counter\n")
        for k in range(20):
            moved = f"{1000 * family + k + version * (1 + k) * 1.37:.3f}"
            value = moved if k < 20 * CHANGING else str(family * 1000 + k)
            mode = f"user{extra}" if family % 5 == 0 and k == 0 else "user"
            out.append(f'{name}{{cpu="{k}",mode="{mode}",device="eth{k % 4}"}} {value}\n')
    return "".join(out).encode()


def cache(common: Common | None = None) -> SeriesCache:
    """A cache as a target has it."""
    identity = SeriesIdentity(Labels({"job": "bench", "instance": "localhost:9100"}), Rules())
    row = Row(NullStorage(), 1000, 0, [identity.report(name) for name in ("up", "a", "b", "c", "d")])
    return SeriesCache(row, identity, CacheOptions(), common)


def cost(bodies: list[bytes], rounds: int) -> float:
    """Seconds per scrape, the best of three runs, after a first scrape."""
    one, best, stamp = cache(), float("inf"), 0
    one.take(bodies[-1], TEXT, "text/plain", stamp)
    one.commit([1.0] * 5)
    for _ in range(3):
        start = time.perf_counter()
        for turn in range(rounds):
            stamp += 1000
            one.take(bodies[turn % len(bodies)], TEXT, "text/plain", stamp)
            one.commit([1.0] * 5)
        best = min(best, (time.perf_counter() - start) / rounds)
    return best


def memory(*, shared: bool) -> float:
    """Bytes per series that a cache holds, where 20 targets share their layout, or have each their own."""
    bodies = [body(0), body(1)]
    gc.collect()
    tracemalloc.start()
    common = Common()
    caches = [cache(common if shared else None) for _ in range(20)]
    for version, text in enumerate(bodies):
        for one in caches:
            one.take(text, TEXT, "text/plain", 1000 + version * 1000)
            one.commit([1.0] * 5)
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held / len(caches) / SERIES


def main() -> None:
    """Print the figures."""
    text = body(0)
    first = time.perf_counter()
    for _ in range(10):
        cache().take(text, TEXT, "text/plain", 0)
    first = (time.perf_counter() - first) / 10
    steady = cost([body(version) for version in range(VERSIONS)], 200)
    churn = cost([body(version, str(version)) for version in range(VERSIONS)], 100)
    print(f"first scrape           {first / SERIES * 1e6:6.2f} µs/sample")
    print(f"{CHANGING:.0%} of values changed {steady / SERIES * 1e6:6.2f} µs/sample")
    print(f"and 1 % of series new  {churn / SERIES * 1e6:6.2f} µs/sample")
    print(f"memory, layout shared  {memory(shared=True):6.0f} B/series")
    print(f"memory, layout alone   {memory(shared=False):6.0f} B/series")


if __name__ == "__main__":
    main()
