"""A rule of a contract: one thing that every plugin of a stage has to do, with a name, and a check that tells.

A check is an async function of a rig (:mod:`narthex.testing.rig`). It raises :class:`Broken` saying what the plugin
did, or :class:`Unchecked` where the rig leaves nothing to check; returning means that the rule is kept.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

__all__ = ["Broken", "Rule", "State", "Unchecked", "Verdict", "rule"]

C = TypeVar("C", bound=Callable[[Any], Awaitable[None]])
State = Literal["kept", "broken", "unchecked"]


class Broken(AssertionError):  # noqa: N818 -- it reads as what it says: raise Broken("...")
    """The plugin breaks the rule; the text says what it did."""


class Unchecked(Exception):  # noqa: N818 -- likewise
    """The rule could not be checked; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Rule:
    """``id`` is ``<stage>/<name>``; ``title`` says what a plugin does that keeps the rule.

    ``needs`` names methods of the rig that its author has to write for this rule to be checked.
    """

    id: str
    title: str
    check: Callable[[Any], Awaitable[None]]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one rule with one plugin; ``what`` is empty where the rule is kept. ``seconds`` it took."""

    rule: str
    state: State
    what: str = ""
    seconds: float = 0.0


def rule(identifier: str, *, needs: tuple[str, ...] = ()) -> Callable[[C], Rule]:
    """Make a rule of a check; its docstring is the title."""

    def make(check: C) -> Rule:
        title = " ".join(inspect.cleandoc(check.__doc__ or "").split()).removesuffix(".")
        return Rule(identifier, title, check, needs)

    return make
