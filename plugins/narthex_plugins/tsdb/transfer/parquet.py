"""Writes two Parquet files: ``samples.parquet`` and ``series.parquet``, joined by the column ``series``.

A label stands once for each series rather than once for each sample, and every reader of Parquet can join. Samples are
sorted by series and time, so that a filter on series skips whole row groups.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from narthex.errors import MissingExtraError, StorageError
from narthex.library.tables import histogram_type, histogram_values
from narthex.model.labels import Labels
from narthex.model.labeltable import LabelTable
from narthex.storage.protocol import StorageReader
from narthex_plugins.tsdb.durable import TEMPORARY
from narthex_plugins.tsdb.transfer.reading import Piece, Tell, Wanted, read

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["SAMPLES", "SERIES", "export_parquet"]

SAMPLES, SERIES = "samples.parquet", "series.parquet"
"""The names of the files."""

_KEY = "series"
_GROUP = 1 << 20
"""Samples in a row group: 16 MB before compression."""


def export_parquet(data: StorageReader, wanted: Wanted, directory: Path, tell: Tell) -> tuple[int, int]:
    """Write both files; returns how many samples and series they have. Without success there is neither.

    Raises ``MissingExtraError`` without pyarrow, and ``StorageError`` when a file cannot be written.
    """
    try:
        import pyarrow.parquet as pq  # noqa: F401 -- said before anything is read
    except ImportError as error:
        raise MissingExtraError("Parquet needs pyarrow (pip install 'narthex[parquet]')") from error
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with _Files(directory) as files:
            for piece in read(data, wanted, tell):
                files.add(piece)
            return files.finish()
    except OSError as error:
        raise StorageError(f"cannot write to {directory}: {error.strerror or error}") from error


class _Files:
    """Both files under temporary names; :meth:`finish` gives them theirs."""

    def __init__(self, directory: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._paths = {name: directory / f"{name}{TEMPORARY}" for name in (SAMPLES, SERIES)}
        self._schema = pa.schema(
            [
                (_KEY, pa.int64()),
                ("time", pa.timestamp("ms", "UTC")),
                ("value", pa.float64()),
                ("histogram", histogram_type()),
            ]
        )
        # Splitting the bytes of floats saves a tenth behind zstd; times of a series are nearly equal steps.
        self._writer = pq.ParquetWriter(
            self._paths[SAMPLES],
            self._schema,
            compression="zstd",
            use_dictionary=[_KEY],
            column_encoding={"time": "DELTA_BINARY_PACKED", "value": "BYTE_STREAM_SPLIT"},
        )
        self._numbers: dict[Labels, int] = {}
        self._samples = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
        for path in self._paths.values():
            path.unlink(missing_ok=True)

    def add(self, piece: Piece) -> None:
        """Append the samples of a piece."""
        import pyarrow as pa

        numbers = np.array([self._numbers.setdefault(one, len(self._numbers)) for one in piece.labels], dtype=np.int64)
        floats, beside = piece.floats, piece.histograms
        if len(floats.times):
            columns = [numbers[floats.series], floats.times.view("M8[ms]"), floats.values]
            self._write([*map(pa.array, columns), pa.nulls(len(floats.times), histogram_type())])
        if len(beside):
            columns = [numbers[beside.series], beside.times.view("M8[ms]")]
            values = pa.array(histogram_values(beside.values), histogram_type())
            self._write([*map(pa.array, columns), pa.nulls(len(beside), pa.float64()), values])

    def finish(self) -> tuple[int, int]:
        """Complete both files."""
        import pyarrow.parquet as pq

        self._writer.close()
        pq.write_table(_series_table(list(self._numbers)), self._paths[SERIES], compression="zstd")
        for name, path in self._paths.items():
            path.rename(path.with_name(name))
        return self._samples, len(self._numbers)

    def _write(self, columns: list[pa.Array]) -> None:
        import pyarrow as pa

        arrays = [column.cast(field.type) for column, field in zip(columns, self._schema, strict=True)]
        table = pa.Table.from_arrays(arrays, schema=self._schema)
        self._writer.write_table(table, row_group_size=_GROUP)
        self._samples += len(table)


def _series_table(labels: list[Labels]) -> pa.Table:
    """A row for each series: its number, and a column for each label, null where the series lacks it."""
    import pyarrow as pa

    table = LabelTable.of(labels)
    columns: dict[str, Any] = {_KEY: pa.array(np.arange(len(labels)))}
    for name in sorted(table.columns):
        column = table.columns[name]
        indices = pa.array(column.codes - 1, mask=column.codes == 0)
        values = pa.DictionaryArray.from_arrays(indices, pa.array(list(column.dictionary[1:]), pa.string()))
        columns[f"label_{name}" if name == _KEY else name] = values
    return pa.table(columns)
