"""Templates of Go's ``Regexp.Expand``: ``$1``, ``${1}``, ``$name``, ``${name}`` and ``$$``.

A template is taken apart once, when the rule is compiled. A name is the longest run of letters, digits and underscores,
so ``$1x`` asks for a group called ``1x``; what no group answers to is empty. A ``$`` that begins nothing stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Template", "compile_template"]

_TOKEN = re.compile(r"\$(?:(?P<dollar>\$)|(?P<bare>\w+)|\{(?P<braced>\w+)\})")
_NUMBER = re.compile(r"0|[1-9][0-9]*")


@dataclass(frozen=True, slots=True)
class Template:
    """Text parts (``str``) and group numbers (``int``), in order, neighbouring texts joined."""

    parts: tuple[str | int, ...]

    @property
    def literal(self) -> str | None:
        """The whole result where no group has a part in it."""
        if not self.parts:
            return ""
        return self.parts[0] if len(self.parts) == 1 and isinstance(self.parts[0], str) else None

    def expander(self) -> Callable[[Sequence[str]], str]:
        """A function from a match (whole match first, absent groups empty) to the expanded text."""
        parts = self.parts
        literal = self.literal
        if literal is not None:
            return lambda _: literal
        if len(parts) == 1 and isinstance(parts[0], int):
            number = parts[0]
            return lambda groups: groups[number]
        if len(parts) == 2:
            # text before or after one group is the commonest template, and half as dear without a join
            first, second = parts
            if isinstance(first, str) and isinstance(second, int):
                return lambda groups: first + groups[second]
            if isinstance(first, int) and isinstance(second, str):
                return lambda groups: groups[first] + second
        if len(parts) == 3:
            left, middle, right = parts
            if isinstance(left, int) and isinstance(middle, str) and isinstance(right, int):  # host and port
                return lambda groups: groups[left] + middle + groups[right]
        return lambda groups: "".join([part if isinstance(part, str) else groups[part] for part in parts])


def compile_template(text: str, count: int, names: Mapping[str, int]) -> Template:
    """Take a template apart for an expression of ``count`` groups, some of them named."""
    parts: list[str | int] = []

    def add(literal: str) -> None:
        if not literal:
            return
        if parts and isinstance(parts[-1], str):
            parts[-1] += literal
        else:
            parts.append(literal)

    at = 0
    for token in _TOKEN.finditer(text):
        add(text[at : token.start()])
        at = token.end()
        if token["dollar"]:
            add("$")
            continue
        number = _group(token["bare"] or token["braced"], count, names)
        if number is not None:
            parts.append(number)
    add(text[at:])
    return Template(tuple(parts))


def _group(name: str, count: int, names: Mapping[str, int]) -> int | None:
    if _NUMBER.fullmatch(name):
        return int(name) if len(name) < 10 and int(name) <= count else None
    return names.get(name)
