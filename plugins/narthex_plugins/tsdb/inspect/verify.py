"""Every checksum of a data directory, and every page and chunk decoded: what a reader could ever meet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from narthex.errors import StorageError
from narthex_plugins.prometheus_blocks import PrometheusBlock, block_directories
from narthex_plugins.tsdb.blocks import open_block
from narthex_plugins.tsdb.container import ArrayFile
from narthex_plugins.tsdb.directory import Directory
from narthex_plugins.tsdb.histograms.sealed import SealedHistograms
from narthex_plugins.tsdb.inspect.listing import is_prometheus
from narthex_plugins.tsdb.records import Damage, records

__all__ = ["Finding", "verify"]

Tell = Callable[[str, int, int], None]
Finding = tuple[str, str]
"""A file or block, and what is wrong with it; an empty text for nothing."""


def verify(path: Path, tell: Tell) -> Iterator[Finding]:
    """Check each file; one entry for each. Raises ``StorageError`` when there is no such directory."""
    checks = _prometheus(path) if is_prometheus(path) else _own(path)
    for done, (one, check) in enumerate(checks):
        tell(f"verifying {one.name}", done, len(checks))
        try:
            check(one)
        except FileNotFoundError:
            continue  # a server that runs has removed it
        except (StorageError, OSError, KeyError, ValueError, TypeError) as error:
            if one.exists():
                yield str(one), str(error)
        else:
            yield str(one), ""


Check = tuple[Path, Callable[[Path], None]]


def _own(path: Path) -> list[Check]:
    directory = Directory(path)
    checks: list[Check] = [(one, _log) for one in sorted(directory.wal.glob("*.log"))]
    checks += [(one, _file) for one in sorted((*directory.sealed.glob("*.nrx"), *path.glob("*.nrx")))]
    return checks + [(one, _block) for one in sorted(directory.blocks.glob("*.nrx"))]


def _prometheus(path: Path) -> list[Check]:
    return [(one, _prometheus_block) for one in block_directories(path)]


def _log(path: Path) -> None:
    for record in records(path):
        # The end of a log is half written now and then while a server runs, and after it crashed.
        if isinstance(record, Damage) and not (path.parent.parent / "lock").exists():
            raise StorageError(f"{path}: at byte {record.offset}: the last {record.dropped} bytes are no records")


def _file(path: Path) -> None:
    file = ArrayFile(path)
    file.verify(file.names)
    if file.facts["kind"] == "histograms":
        SealedHistograms(file, _raise).section.verify()


def _block(path: Path) -> None:
    block = open_block(path)
    block.verify()
    for number in range(len(block.floats.series)):  # decodes every page
        block.column(number)
    if block.histograms is not None:
        block.histograms.verify()


def _raise(error: StorageError) -> None:
    raise error


def _prometheus_block(path: Path) -> None:
    for _ in PrometheusBlock(path).verify():
        pass
