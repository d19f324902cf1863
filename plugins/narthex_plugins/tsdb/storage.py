"""The storage itself: takes rows and points, answers selections. Files and threads are :mod:`.disk`'s."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from narthex.errors import StorageError
from narthex.kinds import BuildContext
from narthex.model.labels import Labels
from narthex.model.labeltable import LabelTable
from narthex.model.matcher import Matcher
from narthex.model.metadata import FamilyMetadata
from narthex.model.sample import MISSING, MISSING_BITS
from narthex.storage.frames import NO_TIME, HistogramPoints, Points, Selection
from narthex.storage.protocol import Appended, Batch, Storage, StorageStats
from narthex_plugins.tsdb import TsdbConfig
from narthex_plugins.tsdb.administration import Administration
from narthex_plugins.tsdb.blocks import Block
from narthex_plugins.tsdb.collection import Usage
from narthex_plugins.tsdb.contents import Contents
from narthex_plugins.tsdb.disk import Disk
from narthex_plugins.tsdb.histograms.store import HistogramStore
from narthex_plugins.tsdb.journal import Journal, NoJournal
from narthex_plugins.tsdb.lanes import Owners, TsdbLane
from narthex_plugins.tsdb.limits import Limits
from narthex_plugins.tsdb.logs import StorageLog, Trouble
from narthex_plugins.tsdb.metadata import KeptMetadata
from narthex_plugins.tsdb.metrics import TsdbMetrics
from narthex_plugins.tsdb.parts import Parts
from narthex_plugins.tsdb.points import PointStore
from narthex_plugins.tsdb.selecting import Reader
from narthex_plugins.tsdb.series import SeriesTable
from narthex_plugins.tsdb.slab import Slab
from narthex_plugins.tsdb.stats import table_stats
from narthex_plugins.tsdb.tombstones import Tombstones
from narthex_plugins.tsdb.track import Track

__all__ = ["Tsdb"]

Ints = NDArray[np.int64]


_FOREVER = 1 << 62


class Tsdb:
    """See :class:`narthex.storage.protocol.Storage`. Without a directory it keeps everything in memory."""

    def __init__(self, config: TsdbConfig, context: BuildContext) -> None:
        self._clock = context.clock
        self._limits = Limits(0)
        self._metrics = TsdbMetrics(context.registry)
        self._parts = Parts()
        self._points = PointStore()
        self._synced = config.wal_fsync == "always"
        self._histograms = HistogramStore(int(config.out_of_order_window))
        self._owners = Owners()
        self._usage = Usage()
        self._tombstones = Tombstones()
        self._metadata = KeptMetadata()
        self._collected: Sequence[Block] = ()
        self._tracks: dict[int, Track] = {}
        self._newest = 0
        self._number = 0
        self._journal: Journal = NoJournal()
        self._use(SeriesTable())
        path = config.path or context.data
        self._path = Path(path) if path else None
        self._log = StorageLog(context.log)
        self._disk: Disk | None = None
        self._tidying: asyncio.Task[None] | None = None
        self.reconfigure(config)

    def reconfigure(self, config: TsdbConfig) -> None:
        """Take up other bounds of what is kept and accepted; what is beyond them goes within a minute."""
        self._limits.retention, self._limits.size = int(config.retention), int(config.retention_size)
        self._limits.percentage = config.retention_percentage
        self._points.window = int(config.out_of_order_window)
        self._metrics.retention.set(config.retention.seconds)
        self._metrics.retention_bytes.set(self._limits.most(self._path) if self._path else 0)

    def _use(self, table: SeriesTable) -> None:
        self._table = table
        self._reader = Reader(table, self._parts, self._points, self._histograms, self._tombstones)
        self._metrics.series.set(table.live)

    async def start(self) -> None:
        """Open, lock and recover. Raises ``StorageError``."""
        if self._path is None or self._disk is not None:
            return
        stores = self._points, self._histograms
        limits, metrics, log = self._limits, self._metrics, self._log
        disk = Disk(self._path, self._parts, *stores, self._tombstones, limits, metrics, log, synced=self._synced)
        recovered = await disk.start(int(self._clock.now() * 1000))
        self._disk, self._journal = disk, disk.wal
        recovered.table.journal = disk.wal.series
        self._use(recovered.table)
        self._metadata = KeptMetadata(recovered.metadata)
        self._find_newest()
        self._tidying = asyncio.create_task(self._tidy(disk), name="tsdb tidy")

    def _find_newest(self) -> None:
        times = [
            *(part.max_time for part in self._parts.all()),
            *(run.max_time for run in self._points.freeze()),
            *(run.max_time for run in self._histograms.freeze()),
            *(block.max_time for block in self._parts.blocks()),
        ]
        self._newest = max(times, default=0)

    async def stop(self) -> None:
        """Write out what is open and release the lock. Safe without ``start``, and twice."""
        disk = self._disk
        if disk is None:
            return
        if self._tidying is not None:
            self._tidying.cancel()
            await asyncio.gather(self._tidying, return_exceptions=True)
        for lane in list(self._owners.lanes.values()):
            lane.close()
        for track in self._tracks.values():
            track.close()
        await disk.stop()
        self._disk = None

    async def _tidy(self, disk: Disk) -> None:
        trouble = Trouble(self._log, "tidying ended with an unexpected error", "tidying works again")
        while True:
            try:
                self._tidy_once(disk, int(self._clock.now() * 1000))
            except Exception as error:  # noqa: BLE001 -- a mistake in this package: the next round gets its chance
                trouble.failed(error)
            else:
                trouble.worked()
            await self._clock.sleep(60)

    def _tidy_once(self, disk: Disk, now: int) -> None:
        for track in self._tracks.values():
            track.idle(now)
        disk.tidy(now, self._newest)
        self._collect(disk, now)
        self._metadata.tidy(now - self._limits.time, disk.wal.rewrite_metadata)
        self._measure()

    def _collect(self, disk: Disk, now: int) -> None:
        """Forget series without samples in the head, once something has left it."""
        parts, blocks = self._parts.both()
        if blocks is self._collected:
            return
        refs = self._table.references()
        count = int(refs[-1]) + 1 if len(refs) else 0
        held = [part.holds(count) for part in parts]
        held += [self._points.holds(count), self._histograms.holds(count, 0, _FOREVER)]
        dead = self._usage.dead(refs, held, (lane.refs for lane in self._owners.lanes.values()), now)
        self._collected = blocks
        if not len(dead):
            return
        self._table.forget(dead)
        self._points.forget(dead)
        self._histograms.forget(dead)
        table = self._table
        disk.wal.rewrite_series(lambda: table.snapshot(table.references()))
        self._metrics.series.set(table.live)
        self._log.debug("forgot series without samples in the head", extra={"series": len(dead)})

    def _measure(self) -> None:
        slabs = [part for part in self._parts.all() if isinstance(part, Slab)]
        times = [part.min_time for part in self._parts.all() if part.min_time]
        self._metrics.chunks.set(sum(slab.columns for slab in slabs))
        self._metrics.min_time.set(min((slab.min_time for slab in slabs if slab.min_time), default=0))
        self._metrics.max_time.set(self._newest)
        self._metrics.lowest.set(min(times, default=0))

    # --- in ----------------------------------------------------------------------------------------------------------

    def register(self, labels: Sequence[Labels]) -> Ints:
        """The reference of each series."""
        return self._registered(self._table.register(labels))

    def register_table(self, table: LabelTable) -> Ints:
        """The reference of each row's series; see :class:`narthex.storage.registration.TableStorage`."""
        return self._registered(self._table.register_table(table))

    def _registered(self, refs: Ints) -> Ints:
        self._usage.touch(refs, int(self._clock.now() * 1000))
        self._metrics.series.set(self._table.live)
        return refs

    def open_lane(self, interval: int, phase: int) -> TsdbLane:
        """A lane whose rows come every ``interval`` ms. Raises ``StorageError`` for an interval of nothing."""
        if interval <= 0:
            raise StorageError(f"a lane needs an interval of at least 1 ms, not {interval}")
        track = self._tracks.get(interval)
        if track is None:
            track = self._tracks[interval] = Track(interval, self._journal, self._begin, self._full)
        lane = TsdbLane(interval, phase, self._owners, track.lanes.discard)
        track.lanes.add(lane)
        return lane

    def append(self, batch: Batch) -> Appended:
        """Store a batch; samples that do not fit the row take the general path."""
        lane, values = batch.lane, batch.values
        assert isinstance(lane, TsdbLane)
        if not lane.open or len(values) != lane.width:
            reason = f"{len(values)} values for {lane.width} columns" if lane.open else "the lane is closed"
            raise StorageError(f"cannot append: {reason}")
        apart: list[Points] = []
        if len(lane.foreign):
            lane.reclaim()
        if len(lane.foreign):
            apart.append(_cells(lane.refs, values, lane.foreign, batch.timestamp))
            values = values.copy()
            values[lane.foreign] = MISSING
        stored = 0
        # 0 ms marks an unwritten row, so a row of that very moment cannot stand in a slab.
        if (
            batch.timestamp > lane.last
            and batch.timestamp
            and self._tracks[lane.interval].write(lane, batch.timestamp, values)
        ):
            stored = len(values) - int(np.count_nonzero(values.view(np.int64) == MISSING_BITS))
            self._newest = max(self._newest, batch.timestamp)
        else:
            apart.append(_cells(lane.refs, values, np.arange(len(values)), batch.timestamp))
        lane.last = max(lane.last, batch.timestamp)
        if batch.points is not None:
            # Times of their own mostly lie in the past: then they come before cells of the same series.
            later = bool((batch.points.times > batch.timestamp).all())
            apart.insert(len(apart) if later else 0, batch.points)
        result = Appended(stored) if not apart else self._append_points(apart, stored)
        if batch.histograms is not None and len(batch.histograms):
            result = self._append_histograms(batch.histograms, result)
        self._metrics.appended.inc(result.stored)
        if self._disk is not None and self._disk.commit is not None:
            self._disk.commit.ask(result.stored)
        return result

    def note_metadata(self, target: Labels, families: Mapping[str, FamilyMetadata]) -> None:
        """What a target says of its families; see :class:`narthex.storage.protocol.StoresMetadata`."""
        self._metadata.note(target, families, self._journal)

    def end_metadata(self, target: Labels) -> None:
        """The target is gone."""
        self._metadata.end(target, int(self._clock.now() * 1000), self._journal)

    async def acknowledged(self) -> None:
        """Wait until what was appended is on disk (:class:`narthex.storage.protocol.Acknowledges`)."""
        if self._disk is not None and self._disk.commit is not None:
            await asyncio.wrap_future(self._disk.commit.acknowledged())

    def _append_points(self, several: list[Points], stored: int) -> Appended:
        duplicate = out_of_order = too_old = out_of_bounds = 0
        now = int(self._clock.now() * 1000)
        for points in several:
            self._usage.touch(points.series, now)
            accepted, counts = self._points.add(points, self._newest_others, self._newest)
            if len(accepted.series):
                self._newest = max(self._newest, int(accepted.times.max()))
                self._journal.points(accepted)
            stored += counts.stored
            duplicate += counts.duplicate
            out_of_order += counts.out_of_order
            too_old += counts.too_old
            out_of_bounds += counts.out_of_bounds
        self._metrics.out_of_order.inc(out_of_order)
        self._metrics.too_old.inc(too_old)
        self._metrics.out_of_bounds.inc(out_of_bounds)
        return Appended(stored, duplicate, out_of_order, too_old, out_of_bounds)

    def _append_histograms(self, points: HistogramPoints, before: Appended) -> Appended:
        self._usage.touch(points.series, int(self._clock.now() * 1000))
        samples, counts = self._histograms.add(points, self._newest_floats, self._newest)
        if samples:
            self._newest = max(self._newest, *(when for _, when, _, _ in samples))
            self._journal.histograms(samples)
        self._metrics.out_of_order.inc(counts.out_of_order)
        self._metrics.too_old.inc(counts.too_old)
        self._metrics.out_of_bounds.inc(counts.out_of_bounds)
        return before + counts

    def _newest_floats(self, refs: Ints) -> Ints:
        """Time of the newest float of each series, in rows or points; ``NO_TIME`` where there is none."""
        return np.maximum(self._newest_rows(refs)[0], self._points.newest_times(refs))

    def _newest_others(self, refs: Ints) -> tuple[Ints, NDArray[np.float64]]:
        """As :meth:`_newest_rows`; where a series' newest sample is a histogram, its time, and no value equals it."""
        times, values = self._newest_rows(refs)
        histograms = self._histograms.newest_times(refs)
        if histograms is not None:
            later = histograms > times
            times, values = np.where(later, histograms, times), np.where(later, MISSING, values)
        return times, values

    def _newest_rows(self, refs: Ints) -> tuple[Ints, NDArray[np.float64]]:
        """Time and value of the newest sample of each series in its lane's open slabs."""
        times = np.full(len(refs), NO_TIME, dtype=np.int64)
        values = np.full(len(refs), MISSING)
        owners = self._owners.of(refs)
        for number in np.unique(owners[owners > 0]).tolist():
            lane = self._owners.lanes[number]
            at = np.flatnonzero(owners == number)
            order = np.argsort(lane.refs, kind="stable")
            columns = order[np.searchsorted(lane.refs, refs[at], sorter=order)]
            for place in reversed(lane.places):  # the newest slab has the last word
                placed = np.flatnonzero(columns < place.width)
                found, cells = place.slab.newest(place, columns[placed])
                there = found != NO_TIME
                times[at[placed[there]]], values[at[placed[there]]] = found[there], cells[there]
        return times, values

    def _begin(self, interval: int, base: int, columns: int) -> Slab:
        if self._disk is None:
            self._number += 1
        slab = Slab(self._number if self._disk is None else self._disk.number(), interval, base, columns)
        self._journal.begin_slab(slab)
        self._parts.add(slab)
        return slab

    def _full(self, slab: Slab) -> None:
        """The slab takes no more rows. Without a directory it stays as it is."""
        if self._disk is not None:
            self._disk.seal(slab)

    # --- administration ----------------------------------------------------------------------------------------------

    async def delete_series(self, matchers: Sequence[Sequence[Matcher]], start: int, end: int) -> None:
        """Delete samples of the series that satisfy any matcher set (:class:`StorageAdministration`)."""
        await self._administration().delete_series(matchers, start, end, self._newest)

    async def clean_tombstones(self) -> None:
        """Free the room of what was deleted."""
        await self._administration().clean_tombstones()

    async def snapshot(self, *, skip_head: bool) -> str:
        """Make a copy on disk; returns its name."""
        return await self._administration().snapshot(skip_head=skip_head)

    def _administration(self) -> Administration:
        if self._disk is None:
            raise StorageError("there is no data directory")
        contents = Contents(self._parts, self._points, self._histograms, self._tombstones)
        return Administration(self._disk, self._table, self._reader, contents, self._clock)

    # --- out ---------------------------------------------------------------------------------------------------------

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        """Series that satisfy all matchers, with their samples of the window."""
        return self._reader.select(matchers, start, end)

    def is_small(self, matchers: Sequence[Matcher], start: int, end: int, series: int) -> bool:
        """Whether these are a few series by equal labels of one metric, with no samples in blocks."""
        return self._reader.is_small(matchers, start, end, series)

    def histogram_weight(self, matchers: Sequence[Matcher], start: int, end: int) -> int:
        """For about how many float samples the histograms of a selection count."""
        return self._reader.histogram_weight(matchers, start, end)

    def label_names(self, matchers: Sequence[Sequence[Matcher]], start: int, end: int) -> list[str]:
        """Label names, sorted, of series in the window."""
        return self._reader.label_names(matchers, start, end)

    def label_values(self, name: str, matchers: Sequence[Sequence[Matcher]], start: int, end: int) -> list[str]:
        """Values of one label, sorted, of series in the window."""
        return self._reader.label_values(name, matchers, start, end)

    def series(self, matchers: Sequence[Sequence[Matcher]], start: int, end: int) -> list[Labels]:
        """Label sets, sorted, of series in the window."""
        return self._reader.series(matchers, start, end)

    def metadata(self, metric: str = "") -> Mapping[str, Sequence[FamilyMetadata]]:
        """What targets said of each family; see :class:`narthex.storage.protocol.KnowsMetadata`."""
        return self._metadata.book.families(metric)

    def stats(self, limit: int) -> StorageStats:
        """Counts, each top list cut to ``limit`` entries."""
        times = [part.min_time for part in self._parts.all() if part.min_time]
        chunks = sum(part.columns for part in self._parts.all())
        return table_stats(self._table, limit, chunks, min(times, default=0), self._newest)


def _cells(refs: Ints, values: NDArray[np.float64], columns: Ints, timestamp: int) -> Points:
    """Some cells of a row as points; those without a sample are left out."""
    columns = columns[values[columns].view(np.int64) != MISSING_BITS]
    return Points(refs[columns], np.full(len(columns), timestamp, dtype=np.int64), values[columns])


_: type[Storage] = Tsdb
