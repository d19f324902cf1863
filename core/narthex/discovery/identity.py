"""When two discovery blocks are the same block: same kind, configs equal by value.

Configurations hold mappings and so cannot be hashed; this turns one into a value that can, to look equal ones up
instead of comparing each with each.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Mapping
from typing import Any

__all__ = ["identity"]


def identity(value: Any) -> Hashable:
    """A hashable value, equal for equal configurations and for no others."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [field for field in dataclasses.fields(value) if field.compare]
        return (type(value), *(identity(getattr(value, field.name)) for field in fields))
    if isinstance(value, Mapping):
        return (Mapping, frozenset((identity(key), identity(one)) for key, one in value.items()))
    if isinstance(value, (tuple, list)):
        return (tuple, *map(identity, value))
    if isinstance(value, (set, frozenset)):
        return (frozenset, frozenset(map(identity, value)))
    return value if isinstance(value, Hashable) else repr(value)
