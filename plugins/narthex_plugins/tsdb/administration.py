"""What an operator asks of the database while it runs: delete series, clean up after that, take a snapshot.

Deleting is answered when it is durable; the rest is done by the compaction thread, between its rounds, so nothing
changes its place meanwhile.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from narthex.clock import Clock
from narthex.errors import StorageError
from narthex.model.matcher import Matcher
from narthex_plugins.tsdb.compactor import Compactor
from narthex_plugins.tsdb.contents import Contents
from narthex_plugins.tsdb.directory import Directory
from narthex_plugins.tsdb.disk import Disk
from narthex_plugins.tsdb.durable import sync_directory
from narthex_plugins.tsdb.selecting import Reader
from narthex_plugins.tsdb.series import SeriesTable
from narthex_plugins.tsdb.tombstones import Deletion

__all__ = ["Administration"]


class Administration:
    """The three operations on one database; called from the event loop."""

    def __init__(
        self,
        disk: Disk,
        table: SeriesTable,
        reader: Reader,
        contents: Contents,
        clock: Clock,
    ) -> None:
        self._disk = disk
        self._table = table
        self._reader = reader
        self._contents = contents
        self._clock = clock

    async def delete_series(self, matchers: Sequence[Sequence[Matcher]], start: int, end: int, newest: int) -> None:
        """Delete samples of ``start`` <= t <= ``end`` that are there now; ``newest`` is the time of the newest.

        Raises ``StorageError``.
        """
        end = min(end, newest)
        hashes = await asyncio.to_thread(self._reader.hashes, matchers, start, end)
        if not len(hashes) or start > end:
            return
        deletion, tombstones = Deletion(hashes, start, end, frozenset()), self._contents.tombstones
        await self._disk.sealed()  # what is being sealed has no number yet
        try:
            # Between rounds, because a block that is being written has no number yet.
            await self._disk.between_rounds(lambda _: tombstones.add(replace(deletion, files=self._files())))
        except OSError as error:
            raise StorageError(f"cannot write down what is deleted: {error}") from error
        known = self._table.find(hashes)
        self._contents.points.erase(lambda run: deletion.covers(self._hashes(run.refs), run.times))
        self._contents.histograms.erase(
            lambda columns: deletion.covers(self._hashes(columns.refs), columns.times), known[known >= 0]
        )
        self._disk.seal_points(force=True)  # so that points to come stand in a file of their own

    def _hashes(self, refs: NDArray[np.int32]) -> NDArray[np.uint64]:
        return self._table.hashes(refs.astype(np.int64))

    def _files(self) -> frozenset[int]:
        """All files and logs that hold samples now."""
        parts, blocks = self._contents.parts.both()
        numbers = [part.number for part in parts] + [block.number for block in blocks]
        numbers += [run.number for run in self._contents.points.runs if not run.in_memory]
        numbers += [run.number for run in self._contents.histograms.runs if not run.in_memory]
        return frozenset([*numbers, *self._disk.wal.numbers()])

    async def clean_tombstones(self) -> None:
        """Write the blocks that hold deleted samples anew. Raises ``StorageError``."""
        await self._disk.between_rounds(Compactor.clean)

    async def snapshot(self, *, skip_head: bool) -> str:
        """Make a directory under ``snapshots/`` that can be used as a data directory; returns its name.

        Files that never change are hard links. With ``skip_head`` it holds blocks only. Raises ``StorageError``.
        """
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._clock.now()))
        name = f"{moment}-{secrets.token_hex(8)}"
        if not skip_head:
            await asyncio.to_thread(self._disk.flush)
        directory = self._disk.directory
        await self._disk.between_rounds(lambda _: _snapshot(directory, name, skip_head=skip_head))
        return name


def _snapshot(directory: Directory, name: str, *, skip_head: bool) -> None:
    target = Directory(directory.path / "snapshots" / name)
    try:
        for path in (target.wal, target.sealed, target.blocks):
            path.mkdir(parents=True)
        if not skip_head:
            # In the order in which samples move on: what moves meanwhile is met twice, and the start sorts that out.
            for path in directory.wal.glob("*.log"):
                _copied(path, target.wal)
            _linked(directory.sealed, target.sealed)
        _linked(directory.blocks, target.blocks)
        if directory.tombstones.exists():
            shutil.copy2(directory.tombstones, target.tombstones)
        for path in (target.wal, target.sealed, target.blocks, target.path):
            sync_directory(path)
    except OSError as error:
        shutil.rmtree(target.path, ignore_errors=True)
        raise StorageError(f"cannot write snapshot {target.path}: {error}") from error


def _copied(path: Path, into: Path) -> None:
    try:
        shutil.copy2(path, into)
    except FileNotFoundError:  # sealed meanwhile
        return


def _linked(source: Path, into: Path) -> None:
    for path in source.glob("*.nrx"):
        try:
            os.link(path, into / path.name)
        except FileNotFoundError:  # compacted meanwhile
            continue
