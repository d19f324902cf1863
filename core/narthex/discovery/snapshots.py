"""The last known good groups on disk, so that a restart while a backend is down loses no target.

One file for each job and block, with groups only: labels hold no secrets, configurations do. A file is written beside
the old one and then takes its name, so a crash leaves one of the two. Its modification time tells when discovery last
confirmed the groups. All methods do I/O and are for worker threads.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from narthex.config.scrape import DiscoveryConfig
from narthex.discovery.checks import checked
from narthex.errors import DiscoveryError
from narthex.model.targetgroup import TargetGroup

__all__ = ["Snapshot", "SnapshotFile", "prune"]

log = logging.getLogger(__name__)

_SUFFIX = ".groups.json"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Groups as they were, and when discovery last confirmed them (seconds since the Unix epoch)."""

    groups: tuple[TargetGroup, ...]
    confirmed: float


class SnapshotFile:
    """The file of one job's block. The same block of the same job finds it again after a restart."""

    def __init__(self, directory: Path, job: str, config: DiscoveryConfig) -> None:
        # Secrets do not show in a repr, so blocks that differ in a secret alone would share a name, but for the job.
        text = f"{job}\0{config!r}".encode("utf-8", "surrogatepass")
        self.job = job
        self.path = directory / f"{config.kind}-{hashlib.blake2b(text, digest_size=12).hexdigest()}{_SUFFIX}"

    def load(self, now: float, max_age: float) -> Snapshot | None:
        """What was saved, unless it was confirmed longer ago than ``max_age`` seconds (0: however long ago)."""
        try:
            confirmed = self.path.stat().st_mtime
            if max_age and now - confirmed > max_age:
                return None
            return Snapshot(_decode(self.path.read_bytes()), confirmed)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, DiscoveryError) as error:
            extra = {"job": self.job, "file": str(self.path), "err": str(error)}
            log.warning("The saved targets of a job cannot be used", extra=extra)
            return None

    def save(self, groups: Sequence[TargetGroup], confirmed: float) -> None:
        """Write the groups; without groups there is no file. Raises ``OSError``."""
        if not groups:
            self.path.unlink(missing_ok=True)
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_suffix(".tmp")
        with contextlib.suppress(FileNotFoundError):
            fresh.unlink()
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123 -- a descriptor
            file.write(_encode(self.job, groups))
            file.flush()
            os.fsync(file.fileno())
        os.utime(fresh, (confirmed, confirmed))
        fresh.replace(self.path)

    def confirm(self, confirmed: float) -> None:
        """Note that the groups are still so."""
        with contextlib.suppress(FileNotFoundError):
            os.utime(self.path, (confirmed, confirmed))


def prune(directory: Path, before: float) -> None:
    """Remove the files that were confirmed before this time: of jobs that are no more."""
    for path in directory.glob(f"*{_SUFFIX}"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < before:
                path.unlink()


def _encode(job: str, groups: Sequence[TargetGroup]) -> bytes:
    rows = [
        {"source": one.source, "labels": dict(one.labels), "targets": list(map(dict, one.targets))} for one in groups
    ]
    data = {"version": 1, "job": job, "groups": rows}
    try:
        return orjson.dumps(data)
    except TypeError:  # text that is not valid UTF-8, held as surrogates, which orjson refuses
        return json.dumps(data).encode()


def _decode(data: bytes) -> tuple[TargetGroup, ...]:
    try:
        read: Any = orjson.loads(data)
    except ValueError:
        read = json.loads(data)
    if not isinstance(read, dict) or read.get("version") != 1:
        raise ValueError("not a file of groups in a known version")
    rows = read.get("groups")
    if not isinstance(rows, list) or not all(isinstance(one, dict) for one in rows):
        raise ValueError("no list of groups")
    return checked([TargetGroup(one.get("source", ""), one.get("targets", ()), one.get("labels", {})) for one in rows])
