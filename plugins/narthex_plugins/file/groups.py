"""The groups of one file, JSON or YAML by its extension."""

from __future__ import annotations

from pathlib import Path

from narthex.discovery.groups import parse_json_groups, parse_yaml_groups, sourced
from narthex.model.targetgroup import TargetGroup

__all__ = ["read_groups"]


def read_groups(path: str, skipped: list[str] | None = None) -> tuple[TargetGroup, ...]:
    """The groups of a file, under the sources ``path:0``, ``path:1`` and so on.

    With ``skipped`` bad entries are left out, and why is added there. Raises ``OSError`` for a file that cannot be
    read, ``ConfigError`` for one that is wrong.
    """
    parse = parse_json_groups if path.lower().endswith(".json") else parse_yaml_groups
    return tuple(sourced(path, parse(Path(path).read_bytes(), path, skipped), {"__meta_filepath": path}))
