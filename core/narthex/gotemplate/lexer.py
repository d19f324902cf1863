"""Cut a template's text into tokens.

Outside ``{{ }}`` everything is text; inside, spaces are tokens too, because ``a.b`` and ``a .b`` mean different things.
Trim markers (``{{- `` and `` -}}``) and comments are dealt with here, so that the parser never sees them.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from narthex.errors import TemplateError

__all__ = ["KEYWORDS", "Token", "tokens"]

KEYWORDS = frozenset(["block", "break", "continue", "define", "else", "end", "if", "range", "template", "with"])
_LEFT, _RIGHT = "{{", "}}"
_SPACES = " \t\r\n"
_OPERATORS = {":=": "declare", "=": "assign", "|": "pipe", ",": "comma", "(": "(", ")": ")"}
_TOKEN = re.compile(
    r"""
      (?P<space>[ \t\r\n]+)
    | (?P<string>"(?:[^"\\\n]|\\.)*")
    | (?P<raw>`[^`]*`)
    | (?P<char>'(?:[^'\\\n]|\\.)+')
    | (?P<number>[+-]?\.?[0-9](?:[eEpP][+-]|[0-9A-Za-z_.])*)
    | (?P<variable>\$\w*)
    | (?P<field>\.(?!\d)\w+)
    | (?P<dot>\.)
    | (?P<word>(?!\d)\w+)
    | (?P<operator>:=|[=|,()])
    """,
    re.VERBOSE,
)
_UNTERMINATED = {
    '"': "unterminated quoted string",
    "`": "unterminated raw quoted string",
    "'": "unterminated character constant",
}


@dataclass(frozen=True, slots=True)
class Token:
    """One token. ``kind`` is a group name of the pattern, a keyword, ``text``, ``left``, ``right`` or ``eof``.

    ``pos`` counts bytes of the UTF-8 text; ``line`` counts from 1.
    """

    kind: str
    text: str
    pos: int
    line: int


class _Scanner:
    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.name = name
        self.at = 0
        self._ascii = text.isascii()

    def token(self, kind: str, start: int, text: str) -> Token:
        pos = start if self._ascii else len(self.text[:start].encode())
        return Token(kind, text, pos, self.line(start))

    def line(self, at: int) -> int:
        return self.text.count("\n", 0, at) + 1

    def fail(self, message: str, at: int) -> TemplateError:
        return TemplateError(f"template: {self.name}:{self.line(at)}: {message}")


def tokens(text: str, name: str) -> Iterator[Token]:
    """Yield the tokens of a template, ending with ``eof``. Raises ``TemplateError`` in Go's words."""
    scanner = _Scanner(text, name)
    trim = False
    while True:
        left = text.find(_LEFT, scanner.at)
        plain = text[scanner.at : left if left >= 0 else len(text)]
        start = scanner.at
        if trim:
            start += len(plain) - len(plain.lstrip(_SPACES))
            plain = plain.lstrip(_SPACES)
        if left >= 0 and _trims_left(text, left):
            plain = plain.rstrip(_SPACES)
        if plain:
            yield scanner.token("text", start, plain)
        if left < 0:
            yield scanner.token("eof", len(text), "")
            return
        scanner.at = left + (3 if _trims_left(text, left) else 2)
        comment = scanner.at + (1 if _trims_left(text, left) else 0)
        if text.startswith("/*", comment):
            trim = _skip_comment(scanner, comment)
        else:
            yield scanner.token("left", left, _LEFT)
            trim = yield from _action(scanner, left)


def _trims_left(text: str, left: int) -> bool:
    return text.startswith("-", left + 2) and text[left + 3 : left + 4] in tuple(_SPACES)


def _right(text: str, at: int) -> tuple[int, bool] | None:
    """Where the closing delimiter that begins at ``at`` ends, and whether it trims; None if none begins there."""
    if text.startswith(_RIGHT, at):
        return at + 2, False
    if text[at : at + 1] in tuple(_SPACES) and text.startswith("-" + _RIGHT, at + 1):
        return at + 4, True
    return None


def _skip_comment(scanner: _Scanner, start: int) -> bool:
    end = scanner.text.find("*/", start)
    if end < 0:
        raise scanner.fail("unclosed comment", start)
    right = _right(scanner.text, end + 2)
    if right is None:
        raise scanner.fail("comment ends before closing delimiter", start)
    scanner.at, trim = right
    return trim


def _action(scanner: _Scanner, left: int) -> Generator[Token, None, bool]:
    """Yield the tokens of one action with its closing delimiter; the generator's value tells whether that trims."""
    text = scanner.text
    depth = 0
    while (right := _right(text, scanner.at)) is None:
        if scanner.at >= len(text):
            raise scanner.fail("unclosed action", left)
        token = _one(scanner)
        depth += (token.kind == "(") - (token.kind == ")")
        if depth < 0:
            raise scanner.fail("unexpected right paren", scanner.at)
        yield token
    if depth:
        raise scanner.fail("unclosed left paren", scanner.at)
    yield scanner.token("right", scanner.at, _RIGHT)
    scanner.at, trim = right
    return trim


def _one(scanner: _Scanner) -> Token:
    start = scanner.at
    match = _TOKEN.match(scanner.text, start)
    if match is None:
        char = scanner.text[start]
        message = _UNTERMINATED.get(char) or f"unrecognized character in action: U+{ord(char):04X} {char!r}"
        raise scanner.fail("expected :=" if char == ":" else message, start)
    kind, found = match.lastgroup or "", match.group()
    if kind == "space" and scanner.text.startswith("-" + _RIGHT, match.end()):
        found = found[:-1]  # the last space belongs to the closing trim marker
    elif kind == "operator":
        kind = _OPERATORS[found]
    elif kind == "word" and found in KEYWORDS:
        kind = found
    scanner.at = start + len(found)
    return scanner.token(kind, start, found)
