"""RE2 regular expressions, anchored, as Prometheus matches them: ``^(?s:EXPRESSION)$``.

The wrapper that google-re2 ships decodes spans in Python and is slower than ``re``; its low-level match on bytes is two
to seven times faster, so that is used, and most expressions met in the field never reach it: literals, alternations of
literals, ``prefix.*``, ``.*suffix``, ``.*part.*``, ``.*`` and ``.+``, in groups or not, are decided by plain string
operations (:mod:`narthex.prefilter`). Tests compare every prefilter with the unfiltered expression.

Text that is not valid UTF-8, held as surrogates, never raises; RE2 matches no character there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from re2 import _re2

from narthex.prefilter import Form, literal_prefix, read_form

__all__ = ["Groups", "Regex", "fault"]

Groups = tuple[str, ...]
"""Whole match and every group; a group that took no part is ``""``."""

_BOTH = _re2.RE2.Anchor.ANCHOR_BOTH
_FREE = _re2.RE2.Anchor.UNANCHORED


class Regex:
    r"""One compiled expression.

    Raises ``ValueError``, with Go's reason, for what Go's RE2 syntax refuses (look-around, back-references, ``\C``).
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._re = _compile(text)
        self._form: Form | None = read_form(text)
        self.literals: frozenset[str] | None = self._form.literals if self._form else None
        """The finite set of texts that match, where the expression is plain text or an alternation of it."""
        self.prefix: str = literal_prefix(text)
        """Text that every match starts with; may be empty."""
        self.group_count: int = self._re.NumberOfCapturingGroups()
        """How many groups the expression captures."""
        self.fullmatch: Callable[[str], bool] = self._choose()
        """Whether the whole text matches."""
        self.groups: Callable[[str], Groups | None] = (self._form and self._form.groups) or self._slow_groups
        """The groups of an anchored match; None without a match."""

    @property
    def is_prefiltered(self) -> bool:
        """Whether plain string operations decide all of :attr:`fullmatch`."""
        return self._form is not None

    def search(self, value: str) -> bool:
        """Whether some part of the text matches (templates' ``match`` is not anchored)."""
        data = value.encode("utf-8", "surrogatepass")
        return bool(self._re.Match(_FREE, data, 0, len(data))[0][0] >= 0)

    def spans(self, data: bytes, start: int) -> list[tuple[int, int]] | None:
        """Byte spans of whole match and groups of the first unanchored match at or after ``start``, or None."""
        found: list[tuple[int, int]] = self._re.Match(_FREE, data, start, len(data))
        return found if found[0][0] >= 0 else None

    @cached_property
    def names(self) -> dict[str, int]:
        """Group numbers by group name."""
        return {name.decode(): number for name, number in self._re.NamedCapturingGroups()}

    @cached_property
    def _uncaptured(self) -> _re2.RE2:
        # A match that records groups takes twice as long, so the yes-or-no question has an expression without them.
        return _compile(self.text, capture=False) if self.group_count else self._re

    def _choose(self) -> Callable[[str], bool]:
        if self._form is not None:
            return self._form.matches
        prefix, slow = self.prefix, self._slow
        if prefix:
            return lambda value: value.startswith(prefix) and slow(value)
        return slow

    def _slow(self, value: str) -> bool:
        data = value.encode("utf-8", "surrogatepass")
        return bool(self._uncaptured.Match(_BOTH, data, 0, len(data))[0][0] >= 0)

    def _slow_groups(self, value: str) -> Groups | None:
        if not value.startswith(self.prefix):
            return None
        data = value.encode("utf-8", "surrogatepass")
        spans = self._re.Match(_BOTH, data, 0, len(data))
        if spans[0][0] < 0:
            return None
        if len(data) == len(value):  # ASCII: byte positions are text positions
            if len(spans) == 3 and spans[1][0] >= 0 and spans[2][0] >= 0:  # the pair that splits host and port
                (a, b), (c, d), (e, f) = spans
                return value[a:b], value[c:d], value[e:f]
            return tuple([value[start:end] if start >= 0 else "" for start, end in spans])
        return tuple([data[start:end].decode("utf-8", "surrogatepass") if start >= 0 else "" for start, end in spans])

    def __repr__(self) -> str:
        return f"Regex({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Regex) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


def _compile(text: str, *, capture: bool = True) -> _re2.RE2:
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"regular expression is not valid UTF-8: {error}") from None
    if _has_any_byte(text):
        raise ValueError(r"invalid escape sequence: `\C`")
    compiled = _compiled(data, capture=capture)
    if not compiled.ok():
        raise ValueError(fault(f"^(?s:{text})$") or fault(text))
    if capture and "\\Q" in text and (quoted := fault(f"^(?s:{text})$")):
        raise ValueError(quoted)  # what has no \E quotes the end of Prometheus's expression, too
    return compiled


def _compiled(data: bytes, *, capture: bool = True) -> _re2.RE2:
    options = _re2.RE2.Options()
    options.dot_nl = True
    options.log_errors = False
    options.never_capture = not capture
    return _re2.RE2(data, options)


def fault(text: str) -> str:
    """What Go says of an expression that it refuses, without the ``error parsing regexp``; empty if it takes it."""
    compiled = _compiled(text.encode(errors="replace"))
    if compiled.ok():
        return ""
    what, _, where = compiled.error().decode(errors="replace").partition(": ")
    if where.startswith(("(?<=", "(?<!")):  # look-behind, which Go takes for the begin of a name
        what, where = "invalid named capture group", text[text.find(where) :]
    return f"{_IN_GO.get(what, what)}: `{where}`"


_IN_GO = {
    "missing )": "missing closing )",
    "missing ]": "missing closing ]",
    "no argument for repetition operator": "missing argument to repetition operator",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid repetition size": "invalid repeat count",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid named capture group": "invalid named capture",
    "trailing \\": "trailing backslash at end of expression",
}
"""Go's words for what RE2 says in others."""


def _has_any_byte(text: str) -> bool:
    r"""Whether ``\C`` stands there unescaped and outside ``\Q…\E``: RE2 accepts it, Go does not."""
    at = text.find("\\")
    while at >= 0:
        following = text[at + 1 : at + 2]
        if following == "C":
            return True
        if following == "Q":
            end = text.find("\\E", at + 2)
            if end < 0:
                return False
            at = end
        at = text.find("\\", at + 2)
    return False
