"""What differs between two configurations, setting by setting, with secrets masked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from narthex.config.dump import plain

__all__ = ["SettingChange", "setting_changes"]

_LONGEST = 300
_USUAL = {"separator": ";", "replacement": "$1", "action": "replace"}
"""Defaults of relabel rules, which the configuration spells out."""


@dataclass(frozen=True, slots=True)
class SettingChange:
    """A setting under its key path: texts that stood there and stand there no more, and new ones."""

    path: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    def lines(self) -> Iterator[str]:
        """As a diff."""
        yield from (f"- {one}" for one in self.before)
        yield from (f"+ {one}" for one in self.after)

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {"path": self.path, "before": list(self.before), "after": list(self.after)}


def setting_changes(
    before: Any, after: Any, *, without: Sequence[str] = (), secrets: bool = True
) -> tuple[SettingChange, ...]:
    """Changes from one configuration dataclass to another, less the keys ``without``.

    With ``secrets`` both hold their secrets, so a change of nothing but a secret is noticed; it is told without the
    secret. Otherwise one side is masked and secrets are not compared.
    """
    old, new = _less(plain(before), without), _less(plain(after), without)
    changes = tuple(_changes("", old, new))
    if not changes and secrets and before != after and _whole(before, without) != _whole(after, without):
        return (SettingChange("(secret)", ("<secret>",), ("<secret>, another one",)),)
    return changes


def _whole(value: Any, without: Sequence[str]) -> list[Any]:
    return [getattr(value, name) for name in value.__dataclass_fields__ if name not in without]


def _less(settings: Mapping[str, Any], without: Sequence[str]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in without}


def _changes(path: str, before: Any, after: Any) -> Iterator[SettingChange]:
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in [*before, *(name for name in after if name not in before)]:
            yield from _changes(f"{path}.{name}" if path else name, before.get(name), after.get(name))
    elif isinstance(before, list | None) and isinstance(after, list | None):
        yield _list_change(path, [_text(one) for one in before or ()], [_text(one) for one in after or ()])
    else:
        yield SettingChange(path, _texts(before), _texts(after))


def _list_change(path: str, before: Sequence[str], after: Sequence[str]) -> SettingChange:
    """Only the elements that differ; where they only changed places, all of them."""
    removed: list[str] = []
    added: list[str] = []
    for tag, start, end, from_, to in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag != "equal":
            removed += before[start:end]
            added += after[from_:to]
    return SettingChange(path, tuple(removed), tuple(added))


def _texts(value: Any) -> tuple[str, ...]:
    return () if value is None else (_text(value),)


def _text(value: Any) -> str:
    if isinstance(value, dict):  # a relabel rule, mostly: what is as always hides what matters
        value = {name: one for name, one in value.items() if _USUAL.get(name) != one}
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
