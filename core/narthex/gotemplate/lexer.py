"""Cut a template's text into tokens.

Outside ``{{ }}`` everything is text; inside, spaces are tokens too, because ``a.b`` and ``a .b`` mean different things.
Trim markers (``{{- `` and `` -}}``) and comments are dealt with here, so that the parser never sees them. Text that no
token can be made of becomes a last token, ``error``: Go's parser complains about what stands before it first.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from narthex.gotemplate.literals import quote

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
    | (?P<char>'(?:[^'\\\n]|\\.)*')
    | (?P<number>(?=[+-]|\.?[0-9])[+-]?(?:
          0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?
        | 0[oO][0-7_]*(?:\.[0-7_]*)?
        | 0[bB][01_]*(?:\.[01_]*)?
        | [0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?))
    | (?P<variable>\$\w*)
    | (?P<field>\.(?!\d)\w+)
    | (?P<dot>\.)
    | (?P<word>\w+)
    | (?P<operator>:=|[=|,()])
    """,
    re.VERBOSE,
)
_NAMES = frozenset({"variable", "field", "dot", "word"})
_AFTER_NAME = re.compile(r"[ \t\r\n.,|:()]|\}\}|\Z")
_AFTER_NUMBER = re.compile(r"\w|[+-][^ \t\r\n}]*")
_UNTERMINATED = {
    '"': "unterminated quoted string",
    "`": "unterminated raw quoted string",
    "'": "unterminated character constant",
}


@dataclass(frozen=True, slots=True)
class Token:
    """One token. ``kind`` is a group name of the pattern, a keyword, or one of ``text left right eof other error``.

    An ``other`` is a character that no syntax uses; the text of an ``error`` tells what is wrong.

    ``pos`` counts bytes of the UTF-8 text; ``line`` counts from 1.
    """

    kind: str
    text: str
    pos: int
    line: int

    def __str__(self) -> str:
        """As Go's messages quote it."""
        if self.kind in {"eof", "error"}:
            return "EOF" if self.kind == "eof" else self.text
        if self.kind in KEYWORDS or self.text in {".", "nil"}:
            return f"<{self.text}>"
        return f"{quote(self.text[:10])}..." if len(self.text.encode()) > 10 else quote(self.text)


class _BadTextError(Exception):
    """No token can be made of what stands at the place ``at``."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self._ascii = text.isascii()

    def token(self, kind: str, start: int, text: str) -> Token:
        pos = start if self._ascii else len(self.text[:start].encode())
        return Token(kind, text, pos, self.line(start))

    def line(self, at: int) -> int:
        return self.text.count("\n", 0, at) + 1


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of a template, ending with ``eof``, or with ``error`` where the text cannot be cut further."""
    scanner = _Scanner(text)
    try:
        yield from _tokens(scanner)
    except _BadTextError as error:
        yield scanner.token("error", error.at, str(error))


def _tokens(scanner: _Scanner) -> Iterator[Token]:
    text = scanner.text
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
            trim = yield from _action(scanner)


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
        raise _BadTextError("unclosed comment", start)
    right = _right(scanner.text, end + 2)
    if right is None:
        raise _BadTextError("comment ends before closing delimiter", start)
    scanner.at, trim = right
    return trim


def _action(scanner: _Scanner) -> Generator[Token, None, bool]:
    """Yield the tokens of one action with its closing delimiter; the generator's value tells whether that trims."""
    text = scanner.text
    depth = 0
    while (right := _right(text, scanner.at)) is None:
        if scanner.at >= len(text):
            raise _BadTextError("unclosed action", scanner.at)
        token = _one(scanner)
        depth += (token.kind == "(") - (token.kind == ")")
        if depth < 0:
            raise _BadTextError("unexpected right paren", scanner.at)
        yield token
    if depth:
        raise _BadTextError("unclosed left paren", scanner.at)
    yield scanner.token("right", scanner.at, _RIGHT)
    scanner.at, trim = right
    return trim


def _one(scanner: _Scanner) -> Token:
    start, text = scanner.at, scanner.text
    match = _TOKEN.match(text, start)
    if match is None:
        return _other(scanner, start)
    kind, found = match.lastgroup or "", match.group()
    if kind == "space" and text.startswith("-" + _RIGHT, match.end()):
        found = found[:-1]  # the last space belongs to the closing trim marker
    elif kind == "operator":
        kind = _OPERATORS[found]
    elif kind == "number":
        if rest := _AFTER_NUMBER.match(text, match.end()):
            raise _BadTextError(f"bad number syntax: {quote(found + rest.group())}", start)
    elif kind in _NAMES:
        if _AFTER_NAME.match(text, match.end()) is None:
            raise _BadTextError(f"bad character {_shown(text[match.end()])}", start)
        kind = found if found in KEYWORDS else kind
    scanner.at = start + len(found)
    return scanner.token(kind, start, found)


def _other(scanner: _Scanner, start: int) -> Token:
    """A printable ASCII character stands for itself, and for the parser to refuse."""
    char = scanner.text[start]
    if char == ":":
        raise _BadTextError("expected :=", start)
    if char in _UNTERMINATED:
        raise _BadTextError(_UNTERMINATED[char], start)
    if not (char.isascii() and char.isprintable()):
        raise _BadTextError(f"unrecognized character in action: {_shown(char)}", start)
    scanner.at += 1
    return scanner.token("other", start, char)


def _shown(char: str) -> str:
    """Go's ``%#U``: the code point, and the character where it can be seen."""
    code = f"U+{ord(char):04X}"
    return f"{code} '{char}'" if char.isprintable() else code
