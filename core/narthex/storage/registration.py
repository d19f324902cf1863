"""Registering many series at once, as columns, with storages that take columns.

The series of a target that exposes what another one exposes differ from the other's in a few labels that are the same
for all of them. As a table that is a column of one value each, where as label sets it is a thousand dictionaries.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from narthex.model.labeltable import LabelTable
from narthex.storage.protocol import Storage

__all__ = ["TableStorage", "register_table"]


@runtime_checkable
class TableStorage(Protocol):
    """A storage that takes label sets as columns, too."""

    def register_table(self, table: LabelTable) -> NDArray[np.int64]:
        """The reference of each row's series (int64), as :meth:`narthex.storage.protocol.Storage.register` has it."""


def register_table(storage: Storage, table: LabelTable) -> NDArray[np.int64]:
    """The reference of each row's series; label sets are made of the rows where the storage takes nothing else."""
    if isinstance(storage, TableStorage):
        return storage.register_table(table)
    return storage.register(table.all_labels())
