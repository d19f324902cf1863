"""The characters of a text body, one token at a time, with the line they stand in."""

from __future__ import annotations

from narthex.errors import ExpositionError

__all__ = ["Scanner", "StrictError", "shown", "shown_character"]

_BLANK = frozenset(" \t")
_WHITE = frozenset(" \t\n")
_ESCAPES = {"\\": "\\", "n": "\n", '"': '"'}
_END = ""
_SHOWN = str.maketrans(
    {chr(code): f"\\x{code:02x}" for code in (*range(32), 127)}
    | {
        "\a": r"\a",
        "\b": r"\b",
        "\t": r"\t",
        "\n": r"\n",
        "\v": r"\v",
        "\f": r"\f",
        "\r": r"\r",
        "\\": r"\\",
        '"': r"\"",
    }
)


class StrictError(ExpositionError):
    """The text breaks the format's rules, in line ``line``."""

    def __str__(self) -> str:
        return f"text format parsing error in line {self.line}: {self.message}"


def shown(text: str) -> str:
    """Text in quotes as Go writes it, with what is not UTF-8 as hexadecimal escapes."""
    escaped = text.translate(_SHOWN)
    return '"' + "".join(f"\\x{ord(one) - 0xDC00:02x}" if "\udc80" <= one <= "\udcff" else one for one in escaped) + '"'


def shown_character(char: str) -> str:
    """One character likewise, in single quotes."""
    return r"'\''" if char == "'" else "'" + shown(char)[1:-1].replace(r"\"", '"') + "'"


class Scanner:
    """A position in the text. Bytes that are no UTF-8 are kept as surrogates, for whoever may not take them."""

    def __init__(self, data: bytes) -> None:
        self._text = data.decode("utf-8", "surrogateescape")
        self._at = 0
        self.line = 1

    def fail(self, message: str) -> StrictError:
        """An error at this place, to be raised."""
        return StrictError(message, self.line)

    @property
    def next(self) -> str:
        """The next character; nothing at the end."""
        return self._text[self._at : self._at + 1]

    def need(self) -> str:
        """The next character. Raises :class:`StrictError` at the end."""
        found = self.next
        if found == _END:
            raise self.fail("unexpected end of input stream")
        return found

    def take(self) -> str:
        """The next character, and past it. Raises :class:`StrictError` at the end."""
        found = self.need()
        self._at += 1
        self.line += found == "\n"
        return found

    def blanks(self) -> str:
        """Past blanks and tabs; the character behind them. Raises :class:`StrictError` at the end."""
        while self.next in _BLANK and self.next != _END:
            self._at += 1
        return self.need()

    def word(self) -> str:
        """What stands before the next white space. Raises :class:`StrictError` where none follows."""
        start = self._at
        while self.need() not in _WHITE:
            self._at += 1
        return self._text[start : self._at]

    def rest_of_line(self) -> str:
        """What stands before the end of the line. Raises :class:`StrictError` where there is none."""
        start = self._at
        while self.need() != "\n":
            self._at += 1
        return self._text[start : self._at]

    def help_text(self) -> str:
        """The rest of the line, with its escapes undone."""
        found: list[str] = []
        while (one := self.need()) != "\n":
            self._at += 1
            found.append(self._escape() if one == "\\" else one)
        return "".join(found)

    def name(self, first: str, others: str) -> str:
        """A bare name of these characters; empty where none begins."""
        start = self._at
        while self.next != _END and self.next in (others if self._at > start else first):
            self._at += 1
        return self._text[start : self._at]

    def quoted(self, what: str) -> str:
        """The text in quotes that begins here. ``what`` names it in errors."""
        self.take()
        found: list[str] = []
        while (one := self.need()) != '"':
            if one == "\n":
                raise self.fail(f"{what} {shown(''.join(found))} contains unescaped new-line")
            self._at += 1
            found.append(self._escape() if one == "\\" else one)
        self._at += 1
        return "".join(found)

    def _escape(self) -> str:
        one = self.take()
        if one not in _ESCAPES:
            raise self.fail(f"invalid escape sequence '\\{one}'")
        return _ESCAPES[one]
