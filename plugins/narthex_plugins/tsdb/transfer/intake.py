"""The receiving end of an import: a locked data directory that gets blocks, and keeps none of a half import.

Blocks are written into a directory of their own beside the others, and moved in together when they are complete. So an
import that is interrupted, by Ctrl-C or by the power, leaves the data as it was, and can be run again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from narthex.errors import StorageError
from narthex.model.labels import Labels
from narthex.model.labeltable import LabelTable
from narthex_plugins.tsdb.blocks import BlockWriter, block_path
from narthex_plugins.tsdb.blocks.finishing import EmptyError
from narthex_plugins.tsdb.directory import Directory
from narthex_plugins.tsdb.durable import replace_file, sync_directory
from narthex_plugins.tsdb.transfer.histogramspill import HistogramSpill
from narthex_plugins.tsdb.versions import refuse_other_versions

__all__ = ["Intake", "Series"]

Series = tuple[Labels, NDArray[np.int64], NDArray[np.float64]]
"""Labels, times (ms, ascending) and values of one series."""

_DONE = "imported.json"


class Intake:
    """A data directory, locked for the length of the ``with`` statement. Raises ``StorageError`` if a server has it."""

    def __init__(self, path: Path) -> None:
        self._directory = Directory(path)
        self._stage = self._directory.stage
        self._staged: list[Path] = []
        self._number = 0
        self.histograms = HistogramSpill(self._stage)
        """Takes histograms, which get into the blocks that are written next."""

    def __enter__(self) -> Self:
        self._directory.lock()
        try:
            refuse_other_versions(self._directory)
        except StorageError:
            self._directory.unlock()
            raise
        try:
            shutil.rmtree(self._stage, ignore_errors=True)  # what an import before this one left
            self._stage.mkdir()
            self._directory.blocks.mkdir(exist_ok=True)
            self._number = self._directory.last_number()
        except OSError as error:
            self._directory.unlock()
            raise StorageError(f"cannot import into {self._directory.path}: {error.strerror}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._stage, ignore_errors=True)
        self._directory.unlock()
        if not self._directory.clean:  # a server that crashed here left its lock, and the next one is to see it
            (self._directory.path / "lock").touch()
        if isinstance(error, OSError):
            raise StorageError(f"cannot import into {self._directory.path}: {error.strerror or error}") from error

    @property
    def scratch(self) -> Path:
        """A directory for temporary files."""
        return self._stage

    def write(self, columns: Iterable[Series], slot: int | None = None) -> int:
        """Write one block of these series, in any order, without repeats; returns how many samples it has.

        The histograms of the block range, or all that have come by then, get into it too. It is in use after
        :meth:`commit`. Raises ``OSError``.
        """
        self._number += 1
        path = block_path(self._stage, self._number)
        numbers: dict[Labels, int] = {}
        writer = BlockWriter(path)
        try:
            with writer as block:
                for own, times, values in columns:
                    block.floats.column(numbers.setdefault(own, len(numbers)), block.floats.group(times), values)
                histograms = self.histograms.of(slot)
                histograms.enter(numbers)
                if not numbers:
                    raise EmptyError
                block.finish(LabelTable.of(list(numbers)), histograms)
        except EmptyError:
            return 0
        self._staged.append(path)
        return int(writer.file.facts["samples"])

    def commit(self, sources: Sequence[str] = ()) -> int:
        """Put the blocks written so far into use, and remember what they were made from; returns how many."""
        count = len(self._staged)
        for path in self._staged:
            path.rename(self._directory.blocks / path.name)
        if count:
            sync_directory(self._directory.blocks)
        self._staged.clear()
        self.histograms.clear()
        if sources:
            self._remember([*self.sources(), *sources])
        return count

    def sources(self) -> list[str]:
        """What was imported before: names of the blocks of others."""
        path = self._directory.path / _DONE
        try:
            found: list[str] = json.loads(path.read_bytes())["sources"]
        except FileNotFoundError:
            return []
        except (ValueError, KeyError, TypeError) as error:
            raise StorageError(f"{path}: not a list of what was imported: {error!r}") from error
        return found

    def _remember(self, sources: list[str]) -> None:
        replace_file(self._directory.path / _DONE, json.dumps({"sources": sources}, indent=1).encode())
