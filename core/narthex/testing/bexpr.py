"""The filter expressions of HashiCorp's servers (bexpr), as far as filters for discovery use them.

``selector == value``, ``!=``, ``value in selector``, ``value not in selector``, ``selector contains value``,
``selector not contains value``, ``selector is empty``, ``is not empty``, ``matches`` and ``not matches``, joined by
``and``, ``or``, ``not`` and parentheses. A selector is ``Service.Tags``, ``Node.Meta.key`` or ``Node.Meta["any key"]``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["FilterError", "matches"]

Test = Callable[[Any], bool]

_TOKEN = re.compile(r"""\s*(?:(==|!=|[()\[\].])|"([^"]*)"|`([^`]*)`|([^\s()\[\]."`=!]+))""")


class FilterError(ValueError):
    """An expression that does not parse, or names what there is not."""


def matches(expression: str, entry: Mapping[str, Any]) -> bool:
    """Whether ``entry``, an object as JSON has it, fits the expression; the empty one fits all.

    Raises ``FilterError``.
    """
    return not expression.strip() or _Parser(expression).parse()(entry)


class _Parser:
    """Recursive descent; each method returns a test of an entry."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0

    def parse(self) -> Test:
        test = self._or()
        if self._at < len(self._tokens):
            raise FilterError(f"unexpected {self._tokens[self._at][1]!r}")
        return test

    def _or(self) -> Test:
        left = self._and()
        while self._word("or"):
            left = _either(left, self._and())
        return left

    def _and(self) -> Test:
        left = self._not()
        while self._word("and"):
            left = _both(left, self._not())
        return left

    def _not(self) -> Test:
        if self._word("not"):
            inner = self._not()
            return lambda entry: not inner(entry)
        if self._sign("("):
            inner = self._or()
            if not self._sign(")"):
                raise FilterError("expected )")
            return inner
        return self._comparison()

    def _comparison(self) -> Test:
        if self._peek()[0] == "text":
            value = self._value()
            negated = self._word("not")
            if not self._word("in"):
                raise FilterError("expected in")
            return _negated(_contains(self._selector(), value), when=negated)
        path = self._selector()
        if self._word("is"):
            negated = self._word("not")
            if not self._word("empty"):
                raise FilterError("expected empty")
            return _negated(lambda entry: not _value(entry, path), when=negated)
        if self._sign("=="):
            return _equals(path, self._value())
        if self._sign("!="):
            return _negated(_equals(path, self._value()), when=True)
        negated = self._word("not")
        if self._word("contains"):
            return _negated(_contains(path, self._value()), when=negated)
        if self._word("matches"):
            return _negated(_fits(path, self._value()), when=negated)
        raise FilterError("expected an operator")

    def _selector(self) -> tuple[str, ...]:
        path = [self._value()]
        while True:
            if self._sign("."):
                path.append(self._value())
            elif self._sign("["):
                path.append(self._value())
                if not self._sign("]"):
                    raise FilterError("expected ]")
            else:
                return tuple(path)

    def _value(self) -> str:
        kind, text = self._peek()
        if kind not in {"text", "word"}:
            raise FilterError(f"expected a value, got {text!r}")
        self._at += 1
        return text

    def _word(self, text: str) -> bool:
        return self._take(("word", text))

    def _sign(self, text: str) -> bool:
        return self._take(("sign", text))

    def _take(self, token: tuple[str, str]) -> bool:
        found = self._peek() == token
        self._at += found
        return found

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise FilterError(f"unexpected {text[at:].strip()[0]!r}")
        sign, quoted, raw, word = match.groups()
        if sign is not None:
            found.append(("sign", sign))
        elif word is not None:
            found.append(("word", word))
        else:
            found.append(("text", quoted if quoted is not None else raw))
        at = match.end()
    return found


def _value(entry: Any, path: tuple[str, ...]) -> Any:
    """What stands under a path. A list on the way gives the values of all its elements. Absent keys are None."""
    value = entry
    for number, key in enumerate(path):
        if isinstance(value, list):
            return [_value(one, path[number:]) for one in value]
        if not isinstance(value, Mapping):
            return None
        if number == 0 and key not in value:
            raise FilterError(f'Selector "{".".join(path)}" is not valid')
        value = value.get(key)
    return value


def _equals(path: tuple[str, ...], value: str) -> Test:
    def test(entry: Any) -> bool:
        found = _value(entry, path)
        return value in map(str, found) if isinstance(found, list) else found is not None and str(found) == value

    return test


def _contains(path: tuple[str, ...], value: str) -> Test:
    return lambda entry: value in (_value(entry, path) or ())


def _fits(path: tuple[str, ...], pattern: str) -> Test:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise FilterError(f"{pattern!r}: {error}") from None
    return lambda entry: compiled.search(str(_value(entry, path) or "")) is not None


def _negated(test: Test, *, when: bool) -> Test:
    return (lambda entry: not test(entry)) if when else test


def _both(left: Test, right: Test) -> Test:
    return lambda entry: left(entry) and right(entry)


def _either(left: Test, right: Test) -> Test:
    return lambda entry: left(entry) or right(entry)
