"""From what a program printed to target groups."""

from __future__ import annotations

from narthex.discovery.groups import sourced_from_json
from narthex.model.targetgroup import TargetGroup

__all__ = ["groups_of"]


def groups_of(text: bytes, program: str, skipped: list[str] | None = None) -> tuple[TargetGroup, ...]:
    """The groups of one JSON list, under the sources ``program:0``, ``program:1`` and so on.

    Labels stand as they were printed; ``__meta_exec_command`` is the program without its arguments, which may hold
    secrets. With ``skipped`` bad entries are left out, and why is added there. Raises ``DiscoveryError`` with the first
    thing that is wrong.
    """
    return sourced_from_json(text, program, {"__meta_exec_command": program}, skipped)
