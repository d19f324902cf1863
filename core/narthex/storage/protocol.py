"""The storage contract, in columns (docs/explanation/columns.md tells the idea at length).

**In.** A target's series are all sampled at one timestamp, so a scrape is one row. Whoever produces rows opens a *lane*
(one for each target, one for each rule), registers its series as the lane's columns, and appends rows of float64.
Samples that carry timestamps of their own travel beside the row as *points*, and native histograms, which are no
float64, as *histogram points*.

**Out.** ``select`` answers with *frames*: matrices whose rows are moments and whose columns are series, plus points.
The engine takes what it needs from them with a few array operations (:mod:`narthex.storage.frames`).

Threads: ``register``, ``open_lane``, ``append`` and the lane's methods are called from the event loop only and return
without waiting for a disk. The reading methods may be called from several worker threads at once while rows arrive;
they see every row whose ``append`` returned before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from narthex.model.labels import Labels
from narthex.model.matcher import Matcher
from narthex.model.metadata import FamilyMetadata
from narthex.storage.frames import HistogramPoints, Points, Selection

__all__ = [
    "Acknowledges",
    "Appended",
    "Batch",
    "KnowsMetadata",
    "KnowsSmall",
    "Lane",
    "Reconfigurable",
    "Storage",
    "StorageAdministration",
    "StorageReader",
    "StorageStats",
    "StoredData",
    "StoresMetadata",
    "WeighsHistograms",
]


class Lane(Protocol):
    """A writer of rows: the series of one target or one rule, in a fixed column order.

    A lane only grows. Columns of series that ended stay and take ``MISSING``; when too many have ended, close the lane
    and open another (a series may move from lane to lane, and has at most one that is open).
    """

    @property
    def width(self) -> int:
        """Number of columns."""

    def extend(self, refs: NDArray[np.int64]) -> None:
        """Add columns for these series references, after the existing ones."""

    def close(self) -> None:
        """No more rows will come. Idempotent."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One scrape or one rule evaluation, committed as a whole.

    ``timestamp`` is in ms since the epoch and must be later than the lane's previous one. ``values`` is float64 of the
    lane's width; ``MISSING`` marks a series without a sample, ``STALE_NAN`` one that ended. The array is copied: the
    caller may go on using it. ``points`` holds samples with timestamps of their own; their ``series`` are references.

    ``histograms`` holds the samples that are native histograms. Their series are references too, and need no column: a
    series that may be either has a column, which is ``MISSING`` where it is a histogram. A storage compares each with
    the sample before it and keeps what it finds as its hint
    (:func:`narthex.model.histogram.with_stored_hint`).
    """

    lane: Lane
    timestamp: int
    values: NDArray[np.float64]
    points: Points | None = None
    histograms: HistogramPoints | None = None


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of a batch: samples stored, and samples refused by reason (reference §7.3).

    What is stored can be read at once; whether it is durable is told by :class:`Acknowledges`.
    """

    stored: int = 0
    duplicate: int = 0
    out_of_order: int = 0
    too_old: int = 0
    out_of_bounds: int = 0

    def __add__(self, other: Appended) -> Appended:
        """The counts of two batches together."""
        return Appended(
            self.stored + other.stored,
            self.duplicate + other.duplicate,
            self.out_of_order + other.out_of_order,
            self.too_old + other.too_old,
            self.out_of_bounds + other.out_of_bounds,
        )


@dataclass(frozen=True, slots=True)
class StorageStats:
    """For ``/api/v1/status/tsdb`` and the runtime information. Times are ms since the epoch.

    Pairs are spelled ``name=value``, as the API gives them.
    """

    series: int = 0
    label_pairs: int = 0
    chunks: int = 0
    min_time: int = 0
    max_time: int = 0
    series_by_metric: Sequence[tuple[str, int]] = ()
    values_by_label: Sequence[tuple[str, int]] = ()
    bytes_by_label: Sequence[tuple[str, int]] = ()
    series_by_pair: Sequence[tuple[str, int]] = ()
    extra: Mapping[str, str] = field(default_factory=dict)


class StorageReader(Protocol):
    """The reading half of a storage."""

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        """Series that satisfy all matchers, with their samples of ``start`` <= t <= ``end`` (ms, both inclusive).

        More samples than asked for may be given; the reader cuts. Series without any sample in the window may be
        left out or given without samples.
        """

    def label_names(self, matchers: Sequence[Sequence[Matcher]], start: int, end: int) -> list[str]:
        """Label names, sorted, of series in the window that satisfy any of the matcher sets (none: all series)."""

    def label_values(self, name: str, matchers: Sequence[Sequence[Matcher]], start: int, end: int) -> list[str]:
        """Values of one label, sorted, of series in the window that satisfy any of the matcher sets (none: all)."""

    def series(self, matchers: Sequence[Sequence[Matcher]], start: int, end: int) -> list[Labels]:
        """Label sets, sorted, of series in the window that satisfy any of the matcher sets."""

    def stats(self, limit: int) -> StorageStats:
        """Counts, each top list cut to ``limit`` entries."""


@runtime_checkable
class KnowsSmall(Protocol):
    """A storage that can tell at once that a selection is small; not every storage can, and none has to."""

    def is_small(self, matchers: Sequence[Matcher], start: int, end: int, series: int) -> bool:
        """Whether selecting takes well below a millisecond and gives no more than so many series.

        Called on the event loop: it must neither wait nor search. Whatever takes work to find out is not small.
        """


@runtime_checkable
class WeighsHistograms(Protocol):
    """A storage that can tell how much the native histograms of a selection are before it reads them."""

    def histogram_weight(self, matchers: Sequence[Matcher], start: int, end: int) -> int:
        """For about how many float samples they count (:func:`narthex.model.histogram.sample_sizes`).

        A query that may not hold as many is refused before ``select`` makes them.
        """


@runtime_checkable
class Acknowledges(Protocol):
    """A storage that can tell when samples are safe. One that keeps nothing, or promises nothing, need not."""

    async def acknowledged(self) -> None:
        """Wait until everything that ``append`` took before is as durable as the storage promises.

        Until then nobody may claim so. It can take as long as a disk hangs. Raises ``StorageError`` when some of it
        will never be; samples that are not durable can be read all the same.
        """


@runtime_checkable
class Reconfigurable(Protocol):
    """A storage some of whose settings may change while it is in use: those that its kind calls ``reloadable``."""

    def reconfigure(self, config: Any) -> None:
        """Go on with another configuration of the kind, in which no other field differs. Returns without waiting."""


@runtime_checkable
class KnowsMetadata(Protocol):
    """A storage, or an opened directory, that can tell what targets said of metric families."""

    def metadata(self, metric: str = "") -> Mapping[str, Sequence[FamilyMetadata]]:
        """What was said of each family, what was said alike only once; of one family where ``metric`` names it."""


@runtime_checkable
class StoresMetadata(KnowsMetadata, Protocol):
    """A storage that keeps metadata. Called from the event loop, like ``append``; returns without waiting."""

    def note_metadata(self, target: Labels, families: Mapping[str, FamilyMetadata]) -> None:
        """From now on the target says this of its families; it replaces what it said before.

        Call it when that changed; with what is known already it does nothing.
        """

    def end_metadata(self, target: Labels) -> None:
        """The target is gone. What it said is forgotten with its samples, unless it comes back."""


class StoredData(StorageReader, Protocol):
    """What a directory held when it was opened for reading (:class:`narthex.kinds.StorageKind`, ``read``)."""

    def close(self) -> None:
        """Let go of the files. Idempotent."""


@runtime_checkable
class StorageAdministration(Protocol):
    """What a storage may offer to operators beside :class:`Storage`; asked by ``--web.enable-admin-api``."""

    async def delete_series(self, matchers: Sequence[Sequence[Matcher]], start: int, end: int) -> None:
        """Delete the samples of ``start`` <= t <= ``end`` (ms) of series that satisfy any matcher set.

        Only what is there now; durable when it returns. Raises ``StorageError``.
        """

    async def clean_tombstones(self) -> None:
        """Free the room that deleted samples take. Raises ``StorageError``."""

    async def snapshot(self, *, skip_head: bool) -> str:
        """Copy the data into a directory of its own; returns its name. Raises ``StorageError``."""


class Storage(StorageReader, Protocol):
    """Where samples live. Build it with a :class:`narthex.kinds.StorageKind`."""

    async def start(self) -> None:
        """Open, lock and recover. Raises ``StorageError`` when the data cannot be used."""

    async def stop(self) -> None:
        """Write out what is open and release the lock. Safe without ``start``, and twice."""

    def register(self, labels: Sequence[Labels]) -> NDArray[np.int64]:
        """The reference of each series (int64), new or known. A reference stays valid while the storage is open."""

    def open_lane(self, interval: int, phase: int) -> Lane:
        """A lane whose rows come every ``interval`` ms, at about ``phase`` ms after a multiple of it."""

    def append(self, batch: Batch) -> Appended:
        """Store a batch. Raises ``StorageError`` only when nothing of it could be taken."""
