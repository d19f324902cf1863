"""Target groups as they stand in a file, and as text again.

Read as strictly as the configuration: unknown keys, null groups and values that are no text make the whole file wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from narthex.config.decode import decode_json, decode_yaml
from narthex.config.types import LabelName
from narthex.model.targetgroup import TargetGroup

__all__ = ["FileGroup", "parse_groups", "plain", "read_groups"]


@dataclass(frozen=True, slots=True)
class FileGroup:
    """One entry of the list in a file."""

    targets: tuple[str, ...] = ()
    labels: Mapping[LabelName, str] = field(default_factory=dict)


def read_groups(path: str) -> tuple[TargetGroup, ...]:
    """The groups of one file, under the sources ``path:0``, ``path:1`` and so on.

    Raises ``OSError`` for a file that cannot be read, ``ConfigError`` for one that is wrong.
    """
    return tuple(_sourced(path, parse_groups(Path(path).read_bytes(), path)))


def parse_groups(text: str | bytes, path: str) -> tuple[FileGroup, ...]:
    """The entries of a file's text, JSON or YAML by the file's extension. Raises ``ConfigError``."""
    decode = decode_json if path.lower().endswith(".json") else decode_yaml
    return decode(tuple[FileGroup, ...], text, path)


def plain(group: TargetGroup) -> Mapping[str, object]:
    """A group in the form that files hold, for printing: addresses, and labels if there are any."""
    addresses = [target["__address__"] for target in group.targets]
    return (
        {"targets": addresses, "labels": dict(sorted(group.labels.items()))} if group.labels else {"targets": addresses}
    )


def _sourced(path: str, groups: Sequence[FileGroup]) -> Iterator[TargetGroup]:
    for index, group in enumerate(groups):
        targets = tuple({"__address__": target} for target in group.targets)
        yield TargetGroup(
            f"{path}:{index}",
            targets,
            {str(name): value for name, value in group.labels.items()} | {"__meta_filepath": path},
        )
