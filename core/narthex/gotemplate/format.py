"""Go's ``fmt`` verbs: what ``printf`` in a template prints.

Mistakes do not fail but show in the text, as in Go: ``%!d(string=hi)`` for the wrong type, ``%!d(MISSING)`` for an
argument too few, ``%!(EXTRA int=1)`` for one too many.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from narthex.gotemplate.floats import format_float
from narthex.gotemplate.literals import quote
from narthex.gotemplate.values import Exported, text_of, type_name
from narthex.model.number import shortest

__all__ = ["default_text", "sprint", "sprintf", "sprintln"]

_DIRECTIVE = re.compile(
    r"%(?P<flags>[-+# 0]*)(?P<width>\*|\d*)(?P<dot>\.?)(?P<precision>\*|\d*)(?:\[(?P<index>\d+)\])?(?P<verb>.|\Z)",
    re.DOTALL,
)
_LARGEST = 1_000_000
"""Go refuses wider fields too."""
_INTEGER_VERBS = {"d": "d", "b": "b", "o": "o", "x": "x", "X": "X"}
_PREFIXES = {"b": "0b", "o": "0", "x": "0x", "X": "0X"}


@dataclass(frozen=True, slots=True)
class _Spec:
    """One directive's settings; ``precision`` is None where none is given."""

    verb: str
    flags: str
    width: int
    precision: int | None


def sprintf(template: str, args: Sequence[Any]) -> str:
    """Format ``args`` after Go's rules for ``fmt.Sprintf``."""
    return _Printer(args).run(template)


def sprint(args: Sequence[Any]) -> str:
    """Go's ``fmt.Sprint``: a space between two neighbours that are both no strings."""
    pieces: list[str] = []
    for before, one in zip((None, *args), args, strict=False):
        if pieces and not isinstance(before, str) and not isinstance(one, str):
            pieces.append(" ")
        pieces.append(default_text(one))
    return "".join(pieces)


def sprintln(args: Sequence[Any]) -> str:
    """Go's ``fmt.Sprintln``: a space between all, a newline after."""
    return " ".join(map(default_text, args)) + "\n"


def default_text(value: Any, *, fields: bool = False) -> str:
    """Go's ``%v`` of any value; with ``fields``, ``%+v``, which names the fields of structs."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return shortest(value)
    text = text_of(value)
    if text is not None:
        return text
    if isinstance(value, Mapping):
        return "map[" + " ".join(f"{k}:{default_text(value[k], fields=fields)}" for k in sorted(value)) + "]"
    if isinstance(value, list | tuple):
        return "[" + " ".join(default_text(one, fields=fields) for one in value) + "]"
    return _struct_text(value, fields=fields) if isinstance(value, Exported) else str(value)


def _struct_text(value: Exported, *, fields: bool) -> str:
    parts = ((go, getattr(value, name)) for go, name in value.go_names.items())
    shown = (f"{go}:" * fields + default_text(one, fields=fields) for go, one in parts if not callable(one))
    return "{" + " ".join(shown) + "}"


class _Printer:
    """Walks one format string over its arguments."""

    def __init__(self, args: Sequence[Any]) -> None:
        self.args = args
        self.next = 0
        self.reordered = False

    def run(self, template: str) -> str:
        text = _DIRECTIVE.sub(self.directive, template)
        extra = self.args[self.next :]
        if extra and not self.reordered:
            text += "%!(EXTRA " + ", ".join(_typed(one) for one in extra) + ")"
        return text

    def directive(self, match: re.Match[str]) -> str:
        verb = match["verb"]
        if verb == "%":
            return "%"
        width, bad_width = self.size(match["width"])
        precision, bad_precision = self.size(match["precision"])
        problem = "%!(BADWIDTH)" * bad_width + "%!(BADPREC)" * bad_precision
        flags = match["flags"]
        if width is not None and width < 0:
            width, flags = -width, flags + "-"
        if match["dot"] and precision is None and not bad_precision:
            precision = 0
        if not verb:
            return problem + "%!(NOVERB)"
        if match["index"]:
            self.next, self.reordered = int(match["index"]) - 1, True
        if not 0 <= self.next < len(self.args):
            return problem + f"%!{verb}({'BADINDEX' if match['index'] else 'MISSING'})"
        value = self.args[self.next]
        self.next += 1
        return problem + _formatted(value, _Spec(verb, flags, width or 0, precision))

    def size(self, text: str) -> tuple[int | None, bool]:
        """A width or precision, and whether it is unusable."""
        if text != "*":
            size = int(text) if text and len(text) < 8 else None
            bad = bool(text) and (size is None or size > _LARGEST)
            return (None if bad else size), bad
        value = self.args[self.next] if self.next < len(self.args) else None
        self.next += 1
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _LARGEST:
            return None, True
        return value, False


def _typed(value: Any) -> str:
    return "<nil>" if value is None else f"{type_name(value)}={default_text(value)}"


def _formatted(value: Any, spec: _Spec) -> str:
    if spec.verb == "T":
        return _padded(type_name(value), spec)
    if spec.verb == "v":
        return _verb_v(value, spec)
    text = _by_type(value, spec)
    if text is None:
        return f"%!{spec.verb}({_typed(value)})"
    return text


def _by_type(value: Any, spec: _Spec) -> str | None:
    """The value under the verb, padded; None where the verb does not fit the type."""
    if isinstance(value, Exported) and spec.verb in "sqxX":
        value = default_text(value)
    if isinstance(value, bool):
        return _padded(default_text(value), spec) if spec.verb == "t" else None
    if isinstance(value, int):
        return _integer(value, spec)
    if isinstance(value, float):
        return _float(value, spec) if spec.verb in "eEfFgGxX" else None
    if isinstance(value, str):
        return _string(value, spec)
    if isinstance(value, list | tuple):
        return "[" + " ".join(_formatted(one, spec) for one in value) + "]"
    if isinstance(value, Mapping):
        return "map[" + " ".join(f"{_formatted(k, spec)}:{_formatted(value[k], spec)}" for k in sorted(value)) + "]"
    return None


def _verb_v(value: Any, spec: _Spec) -> str:
    if isinstance(value, float):
        return _float(value, _Spec("g", spec.flags, spec.width, spec.precision))
    if isinstance(value, int) and not isinstance(value, bool):
        return _number(_signed(str(abs(value)), spec, negative=value < 0), spec)
    if isinstance(value, str):
        shown = quote(value) if "#" in spec.flags else value[: spec.precision]
        return _padded(shown, spec)
    return _padded(default_text(value, fields="+" in spec.flags), spec)


def _integer(value: int, spec: _Spec) -> str | None:
    verb = spec.verb
    if verb == "c":
        return _padded(_rune(value), spec)
    if verb == "q":
        inner = quote(_rune(value))[1:-1].replace('\\"', '"').replace("'", "\\'")
        return _padded(f"'{inner}'", spec)
    if verb == "U":
        return _padded(f"U+{value:04X}", spec)
    if verb not in _INTEGER_VERBS:
        return None
    digits = format(abs(value), _INTEGER_VERBS[verb])
    if spec.precision is not None:
        digits = digits.rjust(spec.precision, "0") if value or spec.precision else ""
    if "#" in spec.flags:
        digits = _PREFIXES.get(verb, "") + digits
    plain = _Spec(verb, spec.flags if spec.precision is None else spec.flags.replace("0", ""), spec.width, None)
    return _number(_signed(digits, plain, negative=value < 0), plain)


def _rune(value: int) -> str:
    return chr(value) if 0 <= value <= 0x10FFFF and not 0xD800 <= value <= 0xDFFF else "�"


def _float(value: float, spec: _Spec) -> str:
    text = format_float(value, spec.verb, spec.precision, alternate="#" in spec.flags)
    if text.endswith(("Inf", "NaN")):
        return _padded(text, spec)  # never filled with zeros; an infinity always shows its sign
    negative = text.startswith("-")
    return _number(_signed(text.lstrip("-"), spec, negative=negative), spec)


def _string(value: str, spec: _Spec) -> str | None:
    cut = value if spec.precision is None or spec.verb not in "sq" else value[: spec.precision]
    if spec.verb == "s":
        return _padded(cut, spec)
    if spec.verb == "q":
        raw = "#" in spec.flags and "`" not in cut
        return _padded(f"`{cut}`" if raw else quote(cut), spec)
    if spec.verb in "xX":
        text = value.encode().hex(" ") if " " in spec.flags else value.encode().hex()
        return _padded(text.upper() if spec.verb == "X" else text, spec)
    return None


def _signed(digits: str, spec: _Spec, *, negative: bool) -> tuple[str, str]:
    sign = "-" if negative else "+" if "+" in spec.flags else " " if " " in spec.flags else ""
    return sign, digits


def _number(parts: tuple[str, str], spec: _Spec) -> str:
    """Sign and digits, filled with zeros between them where the flag says so."""
    sign, digits = parts
    if "0" in spec.flags and "-" not in spec.flags:
        return sign + digits.rjust(spec.width - len(sign), "0")
    return _padded(sign + digits, spec)


def _padded(text: str, spec: _Spec) -> str:
    return text.ljust(spec.width) if "-" in spec.flags else text.rjust(spec.width)
