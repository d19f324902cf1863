"""What a test script says, as values: loads, clears, and evaluations with what is expected of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from narthex.errors import NarthexError
from narthex.promql.ast import Expr
from narthex.promql.testlang.series import SeriesLine

__all__ = ["Annotation", "Clear", "Command", "Eval", "Expected", "Load", "Script", "ScriptError"]


class ScriptError(NarthexError):
    """A script cannot be read; the text names file and line."""

    def __init__(self, file: str, line: int, message: str) -> None:
        self.file = file
        self.line = line
        super().__init__(f"{file}:{line}: {message}")


@dataclass(frozen=True, slots=True)
class Load:
    """Series whose position ``i`` is a sample at ``i * step`` ms. ``with_nhcb`` asks for native histograms too."""

    line: int
    step: int
    series: tuple[SeriesLine, ...]
    starts: tuple[SeriesLine, ...] = ()
    with_nhcb: bool = False


@dataclass(frozen=True, slots=True)
class Clear:
    """Forget everything loaded."""

    line: int


@dataclass(frozen=True, slots=True)
class Annotation:
    """An expected failure, warning or info: any, one with this text, or one that a pattern is found in."""

    kind: Literal["fail", "warn", "info"]
    match: Literal["any", "msg", "regex"] = "any"
    text: str = ""


@dataclass(frozen=True, slots=True)
class Expected:
    """What an evaluation should answer. ``window`` is start, end and step (ms) of an expected range vector."""

    series: tuple[SeriesLine, ...] = ()
    scalar: float | None = None
    string: str | None = None
    window: tuple[int, int, int] | None = None
    ordered: bool = False
    annotations: tuple[Annotation, ...] = ()
    forbidden: frozenset[str] = frozenset()

    @property
    def fails(self) -> bool:
        """Whether the query is expected to fail."""
        return any(one.kind == "fail" for one in self.annotations)


@dataclass(frozen=True, slots=True)
class Eval:
    """One evaluation. Times in ms; an instant one has ``start == end`` and no step."""

    line: int
    text: str
    expr: Expr
    start: int
    end: int
    step: int = 0
    expected: Expected = field(default_factory=Expected)

    @property
    def instant(self) -> bool:
        """Whether it is an instant query."""
        return not self.step


Command = Load | Clear | Eval


@dataclass(frozen=True, slots=True)
class Script:
    """A whole file."""

    file: str
    commands: tuple[Command, ...]

    @property
    def evals(self) -> tuple[Eval, ...]:
        """The evaluations, in order."""
        return tuple(one for one in self.commands if isinstance(one, Eval))
