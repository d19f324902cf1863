"""From what a program printed to target groups."""

from __future__ import annotations

from narthex.discovery.groups import parse_json_groups, sourced
from narthex.errors import ConfigError, DiscoveryError
from narthex.model.targetgroup import TargetGroup

__all__ = ["groups_of"]


def groups_of(text: bytes, program: str, skipped: list[str] | None = None) -> tuple[TargetGroup, ...]:
    """The groups of one JSON list, under the sources ``program:0``, ``program:1`` and so on.

    Labels stand as they were printed; ``__meta_exec_command`` is the program without its arguments, which may hold
    secrets. With ``skipped`` bad entries are left out, and why is added there. Raises ``DiscoveryError`` with the first
    thing that is wrong.
    """
    try:
        return tuple(sourced(program, parse_json_groups(text, "output", skipped), {"__meta_exec_command": program}))
    except ConfigError as error:
        first, *more = error.problems
        rest = f" (and {len(more)} more)" if more else ""
        raise DiscoveryError(f"{first}{rest}") from None
