"""A label matcher: name, operator, value. Regular expressions are RE2 and anchored at both ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from narthex.model.labels import quote
from narthex.regex import Regex

__all__ = ["MatchOp", "Matcher"]


class MatchOp(Enum):
    """The four matcher operators, by their spelling."""

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


@dataclass(frozen=True, slots=True)
class Matcher:
    """Decides over one label's value. An absent label has the value ``""``.

    Raises ``ValueError`` when the value of a regex matcher is not valid RE2.
    """

    op: MatchOp
    name: str
    value: str
    _regex: Regex | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        if self.op in {MatchOp.REGEX, MatchOp.NOT_REGEX}:
            object.__setattr__(self, "_regex", Regex(self.value))

    def predicate(self) -> Callable[[str], bool]:
        """A plain function from value to whether it matches; for loops over a dictionary of values."""
        value = self.value
        if self.op is MatchOp.EQUAL:
            return lambda text: text == value
        if self.op is MatchOp.NOT_EQUAL:
            return lambda text: text != value
        assert self._regex is not None  # compiled by __post_init__ for the two regex operators
        matches = self._regex.fullmatch
        if self.op is MatchOp.REGEX:
            return matches
        return lambda text: not matches(text)

    def matches(self, value: str) -> bool:
        """Whether ``value`` satisfies the matcher."""
        return self.predicate()(value)

    def __str__(self) -> str:
        return f"{self.name}{self.op.value}{quote(self.value)}"
