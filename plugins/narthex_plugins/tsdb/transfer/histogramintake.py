"""Imported native histograms: files beside those that the database seals itself.

Unlike blocks these files name series by reference, so the series are entered into the database's own table first. What
the logs of histograms still hold is written to a file as well, because a file covers all logs before it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from narthex.errors import StorageError
from narthex.model.histogram import Histogram
from narthex.model.labels import Labels
from narthex.storage.frames import NO_START
from narthex_plugins.tsdb.directory import Directory
from narthex_plugins.tsdb.durable import sync_directory
from narthex_plugins.tsdb.histograms.columns import Columns, columns_of_samples, joined
from narthex_plugins.tsdb.histograms.record import read_histograms
from narthex_plugins.tsdb.histograms.sealed import SealedHistograms, write_histograms
from narthex_plugins.tsdb.histograms.store import MemoryRun
from narthex_plugins.tsdb.records import Damage, frame, records, series_payload
from narthex_plugins.tsdb.sealed import SealedSlab
from narthex_plugins.tsdb.series import NewSeries, SeriesTable
from narthex_plugins.tsdb.slab import Slab
from narthex_plugins.tsdb.survey import Contents, survey

__all__ = ["HistogramIntake"]

Ints = NDArray[np.int64]


class HistogramIntake:
    """Takes histograms for a locked directory; what was added is in use after :meth:`commit`.

    Nothing is read before the first call to :meth:`add`. Raises ``OSError``.
    """

    def __init__(self, directory: Directory, stage: Path) -> None:
        self._directory = directory
        self._path = directory.path / "histograms"
        self._stage = stage
        self._table: SeriesTable | None = None
        self._new: list[NewSeries] = []
        self._staged: list[Path] = []
        self._logs: list[Path] = []
        self._number = 0

    def add(self, labels: Sequence[Labels], series: Ints, times: Ints, values: Sequence[Histogram]) -> None:
        """Take samples of some series; ``series`` are places in ``labels``, ``times`` ms.

        Raises ``StorageError`` where the directory has to be recovered by a server first.
        """
        used, own = np.unique(series, return_inverse=True)
        refs = self._opened().register([labels[one] for one in used.tolist()])[own.reshape(-1)]
        starts = [NO_START] * len(times)
        self._write(columns_of_samples(list(zip(refs.tolist(), times.tolist(), starts, values, strict=True))))

    def commit(self) -> None:
        """Put everything that was added into use."""
        if not self._staged:
            return
        with self._directory.series_log.open("ab") as file:  # the series first: samples without them are nobody's
            for new in self._new:
                file.write(frame(series_payload(new)))
            file.flush()
            os.fsync(file.fileno())
        for path in self._staged:
            path.rename(self._path / path.name)
        sync_directory(self._path)
        for path in self._logs:
            path.unlink()
        self._new.clear()
        self._staged.clear()
        self._logs.clear()

    def _opened(self) -> SeriesTable:
        if self._table is None:
            contents = survey(self._directory.path)
            if contents.damage or _torn(self._directory.series_log):
                raise StorageError(f"{self._directory.path}: let a server recover it before histograms are imported")
            self._path.mkdir(exist_ok=True)
            self._table = contents.table
            # References below any that a file holds are not given out, whether their series is known or not.
            self._table.index(np.arange(_top(contents)))
            self._table.journal = self._new.append
            self._fold_logs()
        return self._table

    def _fold_logs(self) -> None:
        numbers = [int(one.stem.split("-")[1]) for one in self._path.glob("*-*")]
        self._number = max(numbers, default=0)
        sealed = [int(one.stem.split("-")[1]) for one in self._path.glob("run-*.nrx")]
        held: list[Columns] = []
        for path in sorted(self._path.glob("log-*.log")):
            self._logs.append(path)
            if int(path.stem.split("-")[1]) > max(sealed, default=0):
                held += [read_histograms(one) for one in records(path) if not isinstance(one, Damage)]
        if held:
            self._write(joined(held))

    def _write(self, columns: Columns) -> None:
        self._number += 1
        path = self._stage / f"run-{self._number:08d}.nrx"
        write_histograms(joined([columns]), self._number, path)
        self._staged.append(path)


def _torn(path: Path) -> bool:
    return path.exists() and any(isinstance(one, Damage) for one in records(path))


def _top(contents: Contents) -> int:
    """One more than the largest reference that anything in the directory holds."""
    held: list[Ints] = [points.series for points in contents.points]
    held += [slab.references() for slab in contents.slabs if isinstance(slab, Slab)]
    runs = contents.histograms.freeze()
    held += [run.columns.refs.astype(np.int64) for run in runs if isinstance(run, MemoryRun)]
    held += [run.references() for run in runs if isinstance(run, SealedHistograms)]
    tops = [slab.top() for slab in contents.slabs if isinstance(slab, SealedSlab)]
    tops += [run.top() for run in contents.runs]
    return max([contents.table.count, *tops, *(1 + int(refs.max(initial=-1)) for refs in held)])
