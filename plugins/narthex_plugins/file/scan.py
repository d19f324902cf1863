"""One look at all files of a block, compared with the look before: which groups to publish."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Sequence

from narthex.config.globs import expand
from narthex.discovery.skipping import Skipping
from narthex.errors import ConfigError
from narthex.model.targetgroup import TargetGroup
from narthex_plugins.file.groups import read_groups
from narthex_plugins.file.metrics import FileMetrics

__all__ = ["Scan"]

Log = logging.LoggerAdapter[logging.Logger]


class Scan:
    """Remembers how many groups each file gave, and which files are broken. Not for two threads at once."""

    def __init__(
        self,
        patterns: Sequence[str],
        metrics: FileMetrics,
        log: Log,
        skipping: Skipping,
        trouble: Callable[[str, str], None] = lambda _part, _reason: None,
    ) -> None:
        self._patterns = tuple(patterns)
        self._metrics = metrics
        self._log = log
        self._skipping = skipping
        self._trouble = trouble
        self._counts: dict[str, int] = {}
        self._broken: set[str] = set()

    def look(self) -> list[TargetGroup] | None:
        """Read every file that matches now. None: no file could be used, so nothing is known.

        A group that went, or whose file went, is among the result without targets. A file that cannot be read or is
        wrong keeps its groups: nothing of it is in the result.
        """
        paths = list(dict.fromkeys(path for pattern in self._patterns for path in expand(pattern)))
        groups: list[TargetGroup] = []
        for path in [path for path in self._counts if path not in set(paths)]:
            groups += _retracted(path, 0, self._counts.pop(path))
            self._forget(path)
            self._skipping.forget(path)
        for path in self._broken.difference(paths):
            self._repaired(path)
        for path in paths:
            found = self._read(path)
            if found is not None:
                groups += [*found, *_retracted(path, len(found), self._counts.get(path, 0))]
                self._counts[path] = len(found)
        return groups if groups or not self._broken else None

    def close(self) -> None:
        """Remove the files' metrics."""
        for path in self._counts:
            self._forget(path)

    def _read(self, path: str) -> tuple[TargetGroup, ...] | None:
        try:
            mtime = os.stat(path).st_mtime  # noqa: PTH116 -- the path stays as it was matched
            skipped = self._skipping.begin()
            groups = read_groups(path, skipped)
        except (OSError, ConfigError) as error:
            self._metrics.read_errors.inc()
            if path not in self._broken:
                self._log.warning("File cannot be used; its old groups stay", extra={"file": path, "err": str(error)})
            self._broken.add(path)
            self._trouble(f"file {path}", str(error))
            return None
        if path in self._broken:
            self._repaired(path)
            self._log.info("File can be used again", extra={"file": path})
        self._skipping.end(path, skipped)
        self._metrics.mtime.labels(path).set(mtime)
        return groups

    def _repaired(self, path: str) -> None:
        self._broken.discard(path)
        self._trouble(f"file {path}", "")

    def _forget(self, path: str) -> None:
        with contextlib.suppress(KeyError):
            self._metrics.mtime.remove(path)


def _retracted(path: str, begin: int, end: int) -> list[TargetGroup]:
    return [TargetGroup(f"{path}:{index}") for index in range(begin, end)]
