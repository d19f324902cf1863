"""Cut a PromQL expression into tokens, with positions in bytes.

What a character means depends on where it stands, so there are four modes, each one compiled expression: outside
everything, inside braces (label matchers), inside brackets before the first number (where only a duration makes sense),
and inside brackets behind it. The token list always ends with
``END_OF_INPUT`` or, where the text cannot be read on, with an ``ERROR`` that spans the rest of the text. The parser
meets that token only if it gets so far, hence an earlier error in the grammar is the one that is reported.
"""

from __future__ import annotations

import re
from itertools import accumulate, takewhile
from string import ascii_letters

from narthex.promql.strings import StringSyntaxError, quote_character, quote_go, unquote
from narthex.promql.tokens import (
    DURATION,
    END_OF_INPUT,
    ERROR,
    FILLS,
    IDENTIFIER,
    KEYWORDS,
    METRIC_IDENTIFIER,
    NUMBER,
    STRING,
    Token,
)

__all__ = ["tokenize"]

_DIGITS = "[0-9](?:_?[0-9])*"
_NUMBER = (
    r"0[xX]_?[0-9a-fA-F](?:_?[0-9a-fA-F])*(?![0-9A-Za-z_.])"
    rf"|(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?(?![0-9A-Za-z_.])"
)
_DURATION = r"[0-9][0-9_.]*[smhdwy]s?(?:[0-9]+[smhdw]s?)*(?![0-9A-Za-z_])"
_STRING = r""""[^"\\\n]*(?:\\.[^"\\\n]*)*"|'[^'\\\n]*(?:\\.[^'\\\n]*)*'|`[^`]*`"""
_NEVER = "(?!)"
_SKIP = r"(?:[ \t\r\n]+|\#[^\n]*)*+"  # possessive: a word inside a comment is no token


def _mode(
    words: str, symbols: str, strings: str = _NEVER, numbers: str = _NEVER, durations: str = _NEVER
) -> re.Pattern[str]:
    return re.compile(f"{_SKIP}(?:({words})|({symbols})|({strings})|({numbers})|({durations}))", re.DOTALL)


_WORD, _SYMBOL, _TEXT, _PLAIN_NUMBER = 1, 2, 3, 4
_OUTSIDE = _mode("[A-Za-z_:][A-Za-z0-9_:]*", r"==|!=|<=|>=|</|>/|=(?!~)|[-+*/%^<>(),@{\[]", _STRING, _NUMBER, _DURATION)
_IN_BRACES = _mode("[A-Za-z_][A-Za-z0-9_]*", r"=~|!~|!=|=|,|\}", _STRING)
_CALLS = "(?i:step|range|min_of|max_of)(?![A-Za-z0-9_])"
_IN_BRACKETS = _mode(_CALLS, r"[-+*/%^(),:\]]", _NEVER, _NUMBER, _DURATION)
_BEHIND_NUMBER = _mode(_CALLS, r"==|!=|<=|>=|</|>/|=(?!~)|[-+*/%^<>(),@{:\]]", _STRING, _NUMBER, _DURATION)
_BLANK = re.compile(_SKIP)
_ARGUMENTS = re.compile(rf"{_SKIP}\(")
_DEPTH = {"(": 1, ")": -1}
_SECOND_COLON = "unexpected colon ':'"
_SWITCH = {"{": _IN_BRACES, "}": _OUTSIDE, "[": _IN_BRACKETS, "]": _OUTSIDE}

# as far as a number or duration was read before something in it turned out wrong
_BAD_NUMBER = re.compile(
    r"(?:0[xX][0-9a-fA-F_]*|[0-9_]*(?:\.[0-9_]*)?(?:\.|[eE][+-]?[0-9]*)?)"
    r"(?:[smhdwy]s?(?:[0-9]+[smhdw]s?)*(?:[0-9]+|[A-Za-z_])?)?"
)
_LETTERS = frozenset(ascii_letters + "_")
_DECIMAL = frozenset("0123456789")
_AT_END = {
    _IN_BRACES: "unexpected end of input inside braces",
    _IN_BRACKETS: "unexpected end of input in duration expression",
    _BEHIND_NUMBER: "unclosed left bracket",
}


def tokenize(text: str) -> list[Token]:
    """All tokens of ``text``. Lone surrogates stand for bytes that are not UTF-8. Never raises."""
    tokens: list[Token] = []
    add = tokens.append
    mode, depth, at, size = _OUTSIDE, 0, 0, len(text)
    while (found := mode.match(text, at)) is not None:
        group = found.lastindex
        assert group is not None  # exactly one alternative matched
        piece = found.group(group)
        start, at = found.span(group)
        if group == _WORD:
            kind = _word_kind(piece, mode)
            if kind in FILLS and not _ARGUMENTS.match(text, at):
                kind = IDENTIFIER
        elif group == _SYMBOL:
            kind = piece
            mode = _SWITCH.get(piece, mode)
            depth += _DEPTH.get(piece, 0)
            if depth < 0 or piece == ":":
                reason = "unexpected right parenthesis ')'" if depth < 0 else _colon_fault(mode, tokens)
                if reason:  # Prometheus mostly finds out behind the character
                    add(Token(ERROR, reason, start if reason == _SECOND_COLON else at, size))
                    break
        elif group == _TEXT:
            kind = STRING
            if ("\\" in piece or not piece.isascii()) and (reason := _string_fault(piece)):
                add(Token(ERROR, reason, start, size))
                break
        else:
            kind = NUMBER if group == _PLAIN_NUMBER else DURATION
            mode = _BEHIND_NUMBER if mode is _IN_BRACKETS else mode
        add(Token(kind, piece, start, at))
    else:
        add(_ending(text, at, mode, depth))
    return tokens if text.isascii() else _in_bytes(tokens, text)


def _word_kind(word: str, mode: re.Pattern[str]) -> str:
    if mode is _IN_BRACES:
        return IDENTIFIER
    lower = word.lower()
    if mode is not _OUTSIDE:
        return lower
    return KEYWORDS.get(lower) or (METRIC_IDENTIFIER if ":" in word else IDENTIFIER)


def _colon_fault(mode: re.Pattern[str], before: list[Token]) -> str:
    """Why a colon cannot stand between brackets, or nothing: a second one, or one without a duration before it."""
    kinds = [token.kind for token in takewhile(lambda token: token.kind != "[", reversed(before))]
    if not kinds:
        return "unexpected colon before duration in duration expression"
    if ":" not in kinds:
        return ""
    return _SECOND_COLON if mode is _BEHIND_NUMBER else "unexpected repeated colon in duration expression"


def _string_fault(literal: str) -> str:
    """Why a literal cannot stand, or nothing."""
    try:
        unquote(literal)
    except StringSyntaxError as error:
        return str(error)
    # Go cannot tell the replacement character from what it replaces
    return "invalid UTF-8 rune" if any("\ud800" <= char <= "\udfff" or char == "\ufffd" for char in literal) else ""


def _ending(text: str, at: int, mode: re.Pattern[str], depth: int) -> Token:
    """The token where no other could be read: the end, or why not."""
    blank = _BLANK.match(text, at)
    assert blank is not None  # it matches the empty text too
    at, size = blank.end(), len(text)
    if at < size:
        return Token(ERROR, _fault(text, at, mode), at, size)
    if mode is _OUTSIDE and not depth:
        return Token(END_OF_INPUT, "", size, size)
    if depth and mode in {_OUTSIDE, _BEHIND_NUMBER}:
        return Token(ERROR, "unclosed left parenthesis", size, size)
    return Token(ERROR, _AT_END[mode], size, size)


def _fault(text: str, at: int, mode: re.Pattern[str]) -> str:
    """Why nothing can be read at ``at``."""
    char, following = text[at], text[at + 1 : at + 2] or "\ufffd"  # as Go prints the end of the text
    if mode is not _IN_BRACKETS:
        if char in "\"'":
            return _unterminated(text, at)
        if char == "`":
            return "unterminated raw string"
    if mode is _IN_BRACES:
        if char == "!":
            return f"unexpected character after '!' inside braces: {quote_character(following)}"
        return f"unexpected {'left brace' if char == '{' else 'character inside braces:'} {quote_character(char)}"
    if char in _DECIMAL or (char == "." and following in _DECIMAL):
        bad = _BAD_NUMBER.match(text, at)
        return f"bad number or duration syntax: {quote_go(bad.group() if bad else char)}"
    if mode is _IN_BRACKETS:
        return f"unexpected character in duration expression: {quote_character(char)}"
    if char in "=!":
        return f"unexpected character after '{char}': {quote_character(following)}"
    if char in "[]":
        return f"unexpected {'left' if char == '[' else 'right'} bracket '{char}'"
    expected = ", expected ':'" if mode is _BEHIND_NUMBER and char in _LETTERS else ""
    return f"unexpected character: {quote_character(char)}{expected}"


def _unterminated(text: str, at: int) -> str:
    """What is wrong first in a quoted string that has no end: an escape in it, or the end itself."""
    end = text.find("\n", at)
    body = text[at:] if end < 0 else text[at:end]
    if len(body) > 1:
        try:
            unquote(body + body[0])
        except StringSyntaxError as error:
            return str(error)
    return "unterminated quoted string"


def _in_bytes(tokens: list[Token], text: str) -> list[Token]:
    """The tokens with their places counted in bytes instead of characters."""
    widths = (len(char.encode("utf-8", "surrogateescape")) for char in text)
    offsets = list(accumulate(widths, initial=0))
    return [Token(kind, piece, offsets[start], offsets[end]) for kind, piece, start, end in tokens]
