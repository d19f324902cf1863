"""The parser's place in the token list, the errors found so far, and what the caller allows.

Two kinds of errors are kept apart, as in Prometheus: *syntax* errors, and *typing* errors, which are reported only when
the syntax is right. Some syntax errors let the parser go on (a trailing comma); a token that fits nowhere stops it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from narthex.promql.ast import Span
from narthex.promql.signatures import FUNCTIONS, Signature
from narthex.promql.tokens import DURATION, END_OF_INPUT, ERROR, NUMBER, Token, describe

__all__ = ["ALL_OPTIONS", "Cursor", "Fault", "ParserOptions", "StopParsing"]

Fault = tuple[int, int, str]
"""Start and end in bytes, and the message."""

_LAST = frozenset({END_OF_INPUT, ERROR})
_CLOSING = frozenset({"}", ")", "]", NUMBER, DURATION})


@dataclass(frozen=True, slots=True)
class ParserOptions:
    """Which optional parts of the language are allowed, and its functions; by default those of Prometheus 3.14."""

    experimental_functions: bool = False
    duration_expressions: bool = True
    extended_range_selectors: bool = False
    fill_modifiers: bool = False
    functions: Mapping[str, Signature] = field(default_factory=lambda: FUNCTIONS, hash=False, repr=False)


ALL_OPTIONS = ParserOptions(
    experimental_functions=True, duration_expressions=True, extended_range_selectors=True, fill_modifiers=True
)
"""Everything allowed."""


class StopParsing(Exception):  # noqa: N818 - not an error by itself: the errors are in the cursor
    """Nothing more can be read. ``placed`` says that the last error already names its context."""

    def __init__(self, *, placed: bool) -> None:
        self.placed = placed


class Cursor:
    """Walks over tokens; ``token`` is the next one, not yet taken."""

    __slots__ = ("_at", "_tokens", "_told", "options", "syntax", "token", "typing")

    def __init__(self, tokens: list[Token], options: ParserOptions) -> None:
        self._tokens = tokens
        self._at = 0
        self.token = tokens[0]
        self.options = options
        self.syntax: list[Fault] = []
        self.typing: list[Fault] = []
        self._told = False

    def take(self) -> Token:
        """The next token, moving past it. The last one (end or error) is never passed."""
        token = self.token
        if token.kind not in _LAST:
            self._at += 1
            self.token = self._tokens[self._at]
        return token

    def take_if(self, kind: str) -> Token | None:
        """The next token if it is of this kind, moving past it."""
        return self.take() if self.token.kind == kind else None

    def expect(self, kind: str, context: str = "", expected: str = "") -> Token:
        """The next token, which must be of this kind."""
        if self.token.kind != kind:
            raise self.unexpected(context, expected)
        return self.take()

    def following(self) -> str:
        """The kind of the token after the next."""
        at = self._at + 1
        return self._tokens[at].kind if at < len(self._tokens) else END_OF_INPUT

    @property
    def end(self) -> int:
        """Where the token taken last ends."""
        return self._tokens[self._at - 1].end if self._at else 0

    def closing(self) -> int:
        """Where the last bracket or number taken ends; Prometheus ends the range of broken aggregations there."""
        taken = self._tokens[: self._at]
        return next((token.end for token in reversed(taken) if token.kind in _CLOSING), 0)

    def fault(self, span: Span | tuple[int, int], message: str) -> None:
        """Note a syntax error that reading can go on from."""
        self.syntax.append((span[0], span[1], message))

    def mistype(self, span: Span | tuple[int, int], message: str) -> None:
        """Note an error in types or arguments."""
        self.typing.append((span[0], span[1], message))

    def look(self) -> None:
        """Note what is wrong with the next token, if it could not be read.

        Prometheus says so as soon as it looks at the token, before what it finds wrong in the text already taken; but
        it looks ahead only where more than one thing may follow.
        """
        if self.token.kind == ERROR and not self._told:
            self._told = True
            self.fault((self.token.start, self.token.end), self.token.text)

    def unexpected(self, context: str = "", expected: str = "") -> StopParsing:
        """Note that the next token fits nowhere; the caller raises what is returned."""
        self.look()
        token = self.token
        if token.kind != ERROR:
            message = f"unexpected {describe(token)}"
            message += f" in {context}" if context else ""
            message += f", expected {expected}" if expected else ""
            self.fault((token.start, token.end), message)
        return StopParsing(placed=bool(context))
