"""What an exposition says of a metric family, beside its samples."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FamilyMetadata"]


@dataclass(frozen=True, slots=True)
class FamilyMetadata:
    """Type, help and unit of one family; empty where the target did not say. An unknown type is ``unknown``."""

    type: str = "unknown"
    help: str = ""
    unit: str = ""
