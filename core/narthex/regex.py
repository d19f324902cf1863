"""RE2 regular expressions, anchored, as Prometheus matches them: ``^(?s:EXPRESSION)$``.

The wrapper that google-re2 ships decodes spans in Python and is slower than ``re``; its low-level match on bytes is two
to seven times faster, so that is used, and most expressions met in the field never reach it: a literal, an alternation
of literals, ``prefix.*``, ``.*`` and ``.+`` are decided by plain string operations.
"""

from __future__ import annotations

from collections.abc import Callable

from re2 import _re2

__all__ = ["Regex"]

_META = frozenset("\\.+*?()|[]{}^$")
_BOTH = _re2.RE2.Anchor.ANCHOR_BOTH
_FREE = _re2.RE2.Anchor.UNANCHORED


def _options() -> _re2.RE2.Options:
    options = _re2.RE2.Options()
    options.dot_nl = True
    options.log_errors = False
    return options


def _is_literal(text: str) -> bool:
    return _META.isdisjoint(text)


class Regex:
    r"""One compiled expression.

    Raises ``ValueError``, with RE2's reason, for what Go's RE2 syntax refuses (look-around, back-references, ``\C``).
    """

    __slots__ = ("_names", "_re", "fullmatch", "literals", "prefix", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._re = _compile(text)
        self._names: dict[str, int] | None = None
        self.literals = self._literals()
        """The finite set of texts that match, where the expression is plain text or an alternation of it."""
        self.prefix = self._prefix()
        """Text that every match starts with; may be empty."""
        self.fullmatch: Callable[[str], bool] = self._choose()
        """Whether the whole text matches."""

    def groups(self, value: str) -> tuple[str, ...] | None:
        """Whole match and every group of an anchored match, absent groups as ``""``; None without a match."""
        data = value.encode()
        spans = self._re.Match(_BOTH, data, 0, len(data))
        if spans[0][0] < 0:
            return None
        return tuple(data[start:end].decode() if start >= 0 else "" for start, end in spans)

    def search(self, value: str) -> bool:
        """Whether some part of the text matches (templates' ``match`` is not anchored)."""
        data = value.encode()
        return bool(self._re.Match(_FREE, data, 0, len(data))[0][0] >= 0)

    def spans(self, data: bytes, start: int) -> list[tuple[int, int]] | None:
        """Byte spans of whole match and groups of the first unanchored match at or after ``start``, or None."""
        found: list[tuple[int, int]] = self._re.Match(_FREE, data, start, len(data))
        return found if found[0][0] >= 0 else None

    @property
    def names(self) -> dict[str, int]:
        """Group numbers by group name."""
        if self._names is None:
            self._names = {name.decode(): number for name, number in self._re.NamedCapturingGroups()}
        return self._names

    def _literals(self) -> frozenset[str] | None:
        parts = self.text.split("|")
        return frozenset(parts) if all(map(_is_literal, parts)) else None

    def _prefix(self) -> str:
        if self.literals is not None:
            return self.text if len(self.literals) == 1 else ""
        if "|" in self.text:
            return ""
        end = next(i for i, char in enumerate(self.text) if char in _META)
        # a quantifier after the literal run may make its last character optional
        return self.text[: end - 1] if end and self.text[end] in "*?{" else self.text[:end]

    def _choose(self) -> Callable[[str], bool]:
        if self.literals is not None:
            return self.literals.__contains__
        rest = self.text[len(self.prefix) :]
        prefix = self.prefix
        if rest in {".*", "(.*)"}:
            return (lambda _: True) if not prefix else lambda value: value.startswith(prefix)
        if rest in {".+", "(.+)"}:
            if not prefix:
                return bool
            return lambda value: len(value) > len(prefix) and value.startswith(prefix)
        return self._slow

    def _slow(self, value: str) -> bool:
        data = value.encode()
        return bool(self._re.Match(_BOTH, data, 0, len(data))[0][0] >= 0)

    def __repr__(self) -> str:
        return f"Regex({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Regex) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


def _compile(text: str) -> _re2.RE2:
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"regular expression is not valid UTF-8: {error}") from None
    if _has_any_byte(text):
        raise ValueError(r"invalid escape sequence: \C")
    compiled = _re2.RE2(data, _options())
    if not compiled.ok():
        raise ValueError(compiled.error().decode(errors="replace"))
    return compiled


def _has_any_byte(text: str) -> bool:
    r"""Whether ``\C`` stands there unescaped: RE2 accepts it, Go does not."""
    at = text.find("\\")
    while at >= 0:
        if text[at + 1 : at + 2] == "C":
            return True
        at = text.find("\\", at + 2)
    return False
