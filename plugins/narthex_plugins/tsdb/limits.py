"""What may be kept: for how long, and how much; may change while the storage is in use."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Limits"]

_FOREVER = 1 << 62


@dataclass(slots=True)
class Limits:
    """One object for everybody who keeps the bounds; the event loop sets, any thread reads.

    ``retention`` is in ms, ``size`` in bytes, ``percentage`` a share of the disk, which wins over ``size``. 0: any.
    """

    retention: int
    size: int = 0
    percentage: float = 0.0

    @property
    def time(self) -> int:
        """How long samples are kept, in ms."""
        return self.retention or _FOREVER

    def most(self, path: Path) -> int:
        """Bytes that all files may take, for a directory on the disk in question; 0: any.

        A disk that cannot be asked has no bound.
        """
        if not self.percentage:
            return self.size
        try:
            disk = os.statvfs(path)
        except OSError:
            return 0
        return max(1, int(disk.f_frsize * disk.f_blocks * self.percentage / 100))
