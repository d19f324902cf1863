"""What a relabel rule does, said so that it can be done to many label sets at once.

A compiled action is a function of one dict, which is all that a rule may be asked for. Most rules look at the joined
values of a few labels and do one thing with the result, though. An action that says so lets a hundred thousand targets
be relabelled column by column: the expression is matched once for each distinct value, and rules that only copy cost
nothing at all. What is described here must do exactly what the compiled function does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["ColumnRule", "Compare", "Copy", "Filter", "Map", "Select", "Write"]


@dataclass(frozen=True, slots=True)
class Filter:
    """Keeps the label sets for whose joined value ``keeps`` is true. An absent source label counts as empty."""

    sources: tuple[str, ...]
    separator: str
    keeps: Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Compare:
    """Keeps the label sets whose joined value equals (or, without ``equal``, differs from) the value of ``target``."""

    sources: tuple[str, ...]
    separator: str
    target: str
    equal: bool


@dataclass(frozen=True, slots=True)
class Write:
    """Sets ``target`` to ``result`` of the joined value; an empty result removes it, None leaves it as it is."""

    sources: tuple[str, ...]
    separator: str
    target: str
    result: Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Copy:
    """Sets ``target`` to the joined value; an empty one removes it, or, without ``removes``, leaves it as it is."""

    sources: tuple[str, ...]
    separator: str
    target: str
    removes: bool


@dataclass(frozen=True, slots=True)
class Map:
    """Copies each label to the name that ``name_of`` gives for its own; none for None or the empty text."""

    name_of: Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Select:
    """Keeps the labels for whose name ``keeps`` is true."""

    keeps: Callable[[str], bool]


ColumnRule = Filter | Compare | Write | Copy | Map | Select
"""One rule. Functions are called once for each distinct value or name, and must not raise."""
