"""The storage kind ``memory``: samples in plain arrays, gone when the server ends.

For trying things out, for tests of whole servers, and where nothing may be written. It is a second user of the storage
contract, too: what works with it and with the embedded storage relies on the contract only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from narthex import hookimpl
from narthex.config.types import Duration
from narthex.kinds import BuildContext, StorageKind

if TYPE_CHECKING:
    from narthex.storage.memory import MemoryStorage

__all__ = ["MemoryConfig", "narthex_storage_kinds"]

_DAY = 86_400_000


@dataclass(frozen=True, slots=True)
class MemoryConfig:
    """``narthex: {storage: {memory: …}}``. A sample takes 16 bytes until it is older than ``retention``."""

    retention: Duration = Duration(_DAY)

    def check(self) -> Iterator[tuple[str, str]]:
        """A retention of nothing would drop every sample."""
        if self.retention <= 0:
            yield "retention", "must be longer than zero"


def _build(config: MemoryConfig, context: BuildContext) -> MemoryStorage:
    """An empty storage."""
    from narthex.storage.memory import MemoryStorage

    return MemoryStorage(int(config.retention), context.clock.now)


@hookimpl
def narthex_storage_kinds() -> list[StorageKind]:
    """The storage that keeps nothing."""
    return [
        StorageKind(
            name="memory",
            config=MemoryConfig,
            build=_build,
            reloadable=("retention",),
            summary="In memory only, for trials and tests: nothing is written, nothing survives a restart.",
        )
    ]
