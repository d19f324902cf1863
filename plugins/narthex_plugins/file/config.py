"""What ``file_sd_configs`` takes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from narthex.config.globs import check_pattern
from narthex.config.types import Duration, FilePath

__all__ = ["FileConfig"]

# reference §2.3: a wildcard in the last part only, the extension in one case
_PATTERN = re.compile(r"[^*]*(\*[^/]*)?\.(json|yml|yaml|JSON|YML|YAML)")


@dataclass(frozen=True, slots=True)
class FileConfig:
    """``files`` are patterns as Go's ``filepath.Glob`` reads them; all are read again every ``refresh_interval``."""

    files: tuple[FilePath, ...]
    refresh_interval: Duration = Duration(300_000)

    def check(self) -> Iterator[tuple[str, str]]:
        """Rules across fields."""
        if not self.files:
            yield "files", "file service discovery config must contain at least one path name"
        for pattern in self.files:
            if not _PATTERN.fullmatch(pattern):
                yield "files", f'path name "{pattern}" is not valid for file discovery'
            elif message := check_pattern(pattern):  # Prometheus finds that out, and nothing else, at every look
                yield "files", message
        if self.refresh_interval == 0:
            yield "refresh_interval", "refresh_interval must not be 0"
