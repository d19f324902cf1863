"""The syntax tree of a template: frozen values, comparable without their positions.

``str(node)`` gives the source back in Go's canonical form; error messages quote it. ``pos`` counts bytes of the UTF-8
text, as Go does.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from narthex.gotemplate.literals import quote

__all__ = [
    "Action",
    "Bool",
    "Break",
    "Chain",
    "Command",
    "Continue",
    "Definition",
    "Dot",
    "FieldAccess",
    "Identifier",
    "If",
    "Nil",
    "Node",
    "Number",
    "Pipe",
    "Range",
    "StringLiteral",
    "TemplateCall",
    "Text",
    "Variable",
    "With",
]


@dataclass(frozen=True, slots=True)
class Node:
    """Anything in the tree; ``pos`` is its byte offset."""

    pos: int = field(compare=False)


# --- operands ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Dot(Node):
    """``.``: the cursor."""

    def __str__(self) -> str:
        return "."


@dataclass(frozen=True, slots=True)
class Nil(Node):
    """``nil``."""

    def __str__(self) -> str:
        return "nil"


@dataclass(frozen=True, slots=True)
class Bool(Node):
    """``true`` or ``false``."""

    value: bool

    def __str__(self) -> str:
        return "true" if self.value else "false"


@dataclass(frozen=True, slots=True)
class Number(Node):
    """A constant. It is an int where its text is one, otherwise a float; character constants are ints."""

    value: int | float
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class StringLiteral(Node):
    """A quoted or raw string; ``text`` is the source with its quotes."""

    value: str
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Identifier(Node):
    """The name of a function."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class FieldAccess(Node):
    """``.A.B``: fields or methods of the cursor."""

    path: tuple[str, ...]

    def __str__(self) -> str:
        return "".join(f".{name}" for name in self.path)


@dataclass(frozen=True, slots=True)
class Variable(Node):
    """``$x.A.B``: a variable (its name with the dollar) and fields of it."""

    name: str
    path: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ".".join((self.name, *self.path))


@dataclass(frozen=True, slots=True)
class Chain(Node):
    """``(pipeline).A.B``, or fields of another operand."""

    operand: Operand
    path: tuple[str, ...]

    def __str__(self) -> str:
        inner = f"({self.operand})" if isinstance(self.operand, Pipe) else str(self.operand)
        return ".".join((inner, *self.path))


@dataclass(frozen=True, slots=True)
class Command(Node):
    """Operands side by side: a function with its arguments, or a single value."""

    args: tuple[Operand, ...]

    def __str__(self) -> str:
        return " ".join(f"({arg})" if isinstance(arg, Pipe) else str(arg) for arg in self.args)


@dataclass(frozen=True, slots=True)
class Pipe(Node):
    """Commands, each taking the previous one's value as its last argument; may set variables with the result."""

    commands: tuple[Command, ...]
    variables: tuple[str, ...] = ()
    assigns: bool = False

    def __str__(self) -> str:
        value = " | ".join(map(str, self.commands))
        return f"{', '.join(self.variables)} {'=' if self.assigns else ':='} {value}" if self.variables else value


Operand = Dot | Nil | Bool | Number | StringLiteral | Identifier | FieldAccess | Variable | Chain | Pipe


# --- actions ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Text(Node):
    """Text that is copied."""

    text: str


@dataclass(frozen=True, slots=True)
class Action(Node):
    """``{{pipeline}}``: printed, unless it sets a variable."""

    pipe: Pipe

    def __str__(self) -> str:
        return f"{{{{{self.pipe}}}}}"


@dataclass(frozen=True, slots=True)
class If(Node):
    """``{{if}} … {{else}} … {{end}}``; ``{{else if}}`` is an If inside the second body."""

    pipe: Pipe
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class With(Node):
    """``{{with}} … {{else}} … {{end}}``."""

    pipe: Pipe
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Range(Node):
    """``{{range}} … {{else}} … {{end}}``."""

    pipe: Pipe
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Break(Node):
    """``{{break}}``."""


@dataclass(frozen=True, slots=True)
class Continue(Node):
    """``{{continue}}``."""


@dataclass(frozen=True, slots=True)
class TemplateCall(Node):
    """``{{template "name" pipeline}}``."""

    name: str
    pipe: Pipe | None

    def __str__(self) -> str:
        return f"{{{{template {quote(self.name)}{f' {self.pipe}' if self.pipe else ''}}}}}"


@dataclass(frozen=True, slots=True)
class Definition:
    """A named template. ``source`` and ``text`` tell where it was written, for messages."""

    name: str
    body: tuple[Node, ...]
    source: str = field(compare=False)
    text: str = field(compare=False, repr=False)
