"""Walk over a template's tokens, and say what is wrong in Go's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from narthex.errors import TemplateError
from narthex.gotemplate.lexer import Token, tokens

__all__ = ["Cursor"]

_MAX_NESTING = 100
"""Deeper nesting than any template has, shallow enough for Python's stack."""


@dataclass(slots=True)
class Cursor:
    """A place in the tokens of one text."""

    name: str
    text: str
    depth: int = field(default=0, init=False)
    at: int = field(default=0, init=False)
    tokens: list[Token] = field(init=False)
    action_line: int = field(default=0, init=False)
    """The line on which the action begins that is being read."""

    def __post_init__(self) -> None:
        self.tokens = list(tokens(self.text))

    @property
    def token(self) -> Token:
        """The next token."""
        return self.tokens[self.at]

    def take(self) -> Token:
        """Step over the next token; the end is never stepped over."""
        token = self.tokens[self.at]
        self.at += token.kind not in {"eof", "error"}
        return token

    def take_solid(self) -> Token:
        """The next token that is no space."""
        self.skip_space()
        return self.take()

    def skip_space(self) -> None:
        """Step over spaces."""
        while self.token.kind == "space":
            self.at += 1

    def expect(self, kind: str, context: str) -> Token:
        """The next token that is no space, which must be of this kind."""
        token = self.take_solid()
        if token.kind != kind:
            raise self.unexpected(token, context)
        return token

    def fail(self, message: str) -> TemplateError:
        """An error at the line of the token taken last."""
        line = self.tokens[max(self.at - 1, 0)].line
        return TemplateError(f"template: {self.name}:{line}: {message}")

    def unexpected(self, token: Token, context: str) -> TemplateError:
        """An error about a token that does not belong there, or about text that is no token."""
        if token.kind == "error":
            return TemplateError(f"template: {self.name}:{token.line}: {token}{self._begin(token)}")
        if token.kind == "eof":
            return self.fail("unexpected EOF")
        return self.fail(f"unexpected {token} in {context}")

    def _begin(self, token: Token) -> str:
        """Where the action that a broken token is in begins, if that is another line."""
        if not self.action_line or self.action_line == token.line:
            return ""
        return f"{'' if token.text.endswith(' action') else ' in action'} started at {self.name}:{self.action_line}"

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """One level further in. Raises ``TemplateError`` where that is too deep."""
        self.depth += 1
        if self.depth > _MAX_NESTING:
            raise self.fail("nested too deeply")
        yield
        self.depth -= 1
