"""Where the time goes in a loaded server: the processor's work for a sample, and for queries of 4,000 series.

A server scrapes 200 targets of 1,000 series every second, in this process. A timer interrupts it every millisecond
and charges the processor time since then to what the event loop's thread was doing: to the innermost function whose
module belongs to a phase. First the server only scrapes; then queries are asked between its scrapes, so that their code
and data are as cold as they are in production. They run in the thread of the event loop here, for the timer interrupts
no other, so what is missing is a request's way through HTTP and into a worker thread and back.

Takes four minutes. Processor time of other threads (the log, sealing) is a phase of its own.
"""

# ruff: noqa: T201 -- printing is what it is for

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from tests.benchmarks.side_by_side import SERIES, TARGETS, WARM, configure
from tests.e2e.servers import fetch, free_port

from narthex.options import ListenAddress, ServerOptions
from narthex.plugins.host import PluginHost
from narthex.server.process import GARBAGE_THRESHOLDS, SWITCH_SECONDS, keep_freed_arrays
from narthex.server.server import Server
from narthex.web.encode import encode_value
from narthex_plugins.standard import shipped

MEASURE, REPEAT, PAUSE, EVERY = 30, 150, 0.05, 0.001
QUERIES = {
    "rate": "sum by (queue) (rate(fleet_events_0_total[30s]))",
    "topk": "topk(5, rate(fleet_events_1_total[30s]))",
    "avg_over_time": "avg by (instance) (avg_over_time(fleet_events_2_total[30s]))",
    "ratio of two rates": "sum(rate(fleet_events_3_total[30s])) / sum(rate(fleet_events_4_total[30s]))",
}

Table = Sequence[tuple[Sequence[str], str]]

_SCRAPING: Table = (
    (("narthex/http/",), "HTTP"),
    (("narthex/scrape/cache", "narthex/scrape/layout", "narthex/scrape/lines"), "reading the body"),
    (("narthex/scrape/templates", "narthex/scrape/exposition"), "reading the body"),
    (("narthex_plugins/tsdb/",), "storing the row"),
    (("narthex/scrape/",), "the scrape loop"),
)
_ENGINE = "narthex/promql/engine/"
_ASKING: Table = (
    (("narthex_plugins/tsdb/slabcodes", f"{_ENGINE}stacks", f"{_ENGINE}windows"), "reading cells"),
    (("narthex_plugins/tsdb/",), "finding series"),
    ((f"{_ENGINE}window.", f"{_ENGINE}resets", f"{_ENGINE}functions/"), "the function over windows"),
    ((f"{_ENGINE}aggregat", f"{_ENGINE}ranking"), "aggregation"),
    ((f"{_ENGINE}result", "narthex/web/encode"), "writing the answer"),
    ((f"{_ENGINE}engine", f"{_ENGINE}evaluate", f"{_ENGINE}reduction"), "the rest of the engine"),
)
"""Modules by phase, the first that fits; frames of other modules count to whoever called them."""


class Charges:
    """Processor time by phase; a handler for the timer.

    While the server scrapes, an interrupt charges the time since the last one. While it answers a query, which may take
    no longer than a few interrupts, each counts one, and the counts are scaled to the time that the queries took.
    """

    def __init__(self) -> None:
        self.charged: dict[str, float] = defaultdict(float)
        self.table: Table | None = None
        self._at = _clocks()

    def __call__(self, _: int, frame: FrameType | None) -> None:
        """Charge the function that was interrupted, and set the timer anew: on a busy machine it must not catch up."""
        self._charge(frame)
        signal.setitimer(signal.ITIMER_REAL, EVERY)

    def _charge(self, frame: FrameType | None) -> None:
        now, before = _clocks(), self._at
        self._at = now
        if self.table is _ASKING:
            self.charged[_phase(self.table, frame)] += 1
        elif self.table is _SCRAPING:
            own = now[0] - before[0]
            self.charged[_phase(self.table, frame)] += own
            self.charged["other threads"] += max(0.0, now[1] - before[1] - own)

    def show(self, name: str, whole: float) -> None:
        """Print all phases, scaled to ``whole``, and forget them."""
        print(f"{name}: {whole:.2f}")
        total = sum(self.charged.values())
        for phase, charged in sorted(self.charged.items(), key=lambda one: -one[1]):
            print(f"  {phase:32}{charged / total * whole:8.2f}{charged / total:8.0%}")
        self.charged.clear()


def _phase(table: Table, frame: FrameType | None) -> str:
    while frame is not None:
        for modules, phase in table:
            if any(one in frame.f_code.co_filename for one in modules):
                return phase
        frame = frame.f_back
    return "event loop, kernel, the rest"


def _clocks() -> tuple[float, float]:
    return time.thread_time(), time.process_time()


async def _measure(server: Server, charges: Charges, served: Callable[[], int]) -> None:
    await asyncio.sleep(WARM)
    before, charges.table = await asyncio.to_thread(served), _SCRAPING
    await asyncio.sleep(MEASURE)
    charges.table = None
    samples = (await asyncio.to_thread(served) - before) * SERIES
    charges.show("scraping, µs a sample", sum(charges.charged.values()) / samples * 1e6)
    for name, query in QUERIES.items():
        for ranged in (False, True):
            took = 0.0
            for _ in range(REPEAT):
                await asyncio.sleep(PAUSE)
                charges.table = _ASKING
                began = time.thread_time()
                _ask(server, query, ranged=ranged)
                took += time.thread_time() - began
                charges.table = None
            charges.show(f"{name}, {'31 steps' if ranged else 'instant'}, ms", took / REPEAT * 1e3)


def _ask(server: Server, query: str, *, ranged: bool) -> None:
    now = int(time.time()) * 1000
    answer = server.engine.range(query, now - 60_000, now, 2000) if ranged else server.engine.instant(query, now)
    encode_value(answer.value)


async def _profiled(folder: Path, config: Path, fleet_port: int) -> None:
    address = ListenAddress("127.0.0.1", free_port())
    options = ServerOptions(config_file=config, storage_path=folder / "data", web_listen_address=(address,))
    server = Server(options, PluginHost(shipped(), scan=False))
    charges = Charges()
    signal.signal(signal.SIGALRM, charges)
    signal.setitimer(signal.ITIMER_REAL, EVERY)
    try:
        await server.start()
        await _measure(server, charges, lambda: int(fetch(f"http://127.0.0.1:{fleet_port}/served")))
    finally:
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        await server.stop()


def main() -> None:
    """Print a table for scraping and one for each query."""
    logging.disable(logging.WARNING)
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    keep_freed_arrays()
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        config = configure(Path(folder), port)
        script = Path(__file__).with_name("_fleet.py")
        fleet = subprocess.Popen([sys.executable, str(script), str(port), str(SERIES)])
        try:
            print(f"{TARGETS} targets of {SERIES} series every second")
            asyncio.run(_profiled(Path(folder), config, port))
        finally:
            fleet.terminate()
            fleet.wait()


if __name__ == "__main__":
    main()
