"""What changed between two label sets, as a value and as the lines of a diff."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from narthex.model.labels import quote

__all__ = ["LabelDiff", "label_diff", "label_text"]


@dataclass(frozen=True, slots=True)
class LabelDiff:
    """Labels that came, that went, and that changed (name → before, after); each sorted by name."""

    added: Mapping[str, str]
    removed: Mapping[str, str]
    changed: Mapping[str, tuple[str, str]]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def lines(self) -> Iterator[str]:
        """``- name="before"`` and ``+ name="after"``, sorted by name."""
        before = {**self.removed, **{name: pair[0] for name, pair in self.changed.items()}}
        after = {**self.added, **{name: pair[1] for name, pair in self.changed.items()}}
        for name in sorted({*before, *after}):
            if name in before:
                yield f"- {label_text(name, before[name])}"
            if name in after:
                yield f"+ {label_text(name, after[name])}"

    def as_json(self) -> dict[str, Any]:
        """For the API: ``added``, ``removed``, and ``changed`` with ``before`` and ``after``."""
        changed = {name: {"before": old, "after": new} for name, (old, new) in self.changed.items()}
        return {"added": dict(self.added), "removed": dict(self.removed), "changed": changed}


def label_diff(before: Mapping[str, str], after: Mapping[str, str]) -> LabelDiff:
    """What must be done to ``before`` to get ``after``."""
    return LabelDiff(
        added={name: after[name] for name in sorted(after) if name not in before},
        removed={name: before[name] for name in sorted(before) if name not in after},
        changed={
            name: (before[name], after[name])
            for name in sorted(before)
            if name in after and before[name] != after[name]
        },
    )


def label_text(name: str, value: str) -> str:
    """``name="value"``."""
    return f"{name}={quote(value)}"
