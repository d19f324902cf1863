"""Parse what stands between the braces: pipelines, commands, operands."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field

from narthex.gotemplate import nodes
from narthex.gotemplate.cursor import Cursor
from narthex.gotemplate.lexer import Token
from narthex.gotemplate.literals import number, unquote
from narthex.gotemplate.nodes import Operand

__all__ = ["PipelineParser"]

_CONSTANTS = {"true": True, "false": False}


@dataclass(slots=True)
class PipelineParser(Cursor):
    """Knows which functions there are, and which variables stand in scope."""

    functions: Container[str]
    variables: list[str] = field(default_factory=lambda: ["$"], init=False)

    def pipeline(self, context: str, end: str, *, declare: int = 0) -> nodes.Pipe:
        """A pipeline up to ``end``; ``declare`` is how many variables it may set."""
        self.skip_space()
        start = self.token
        names, assigns = self.targets(context, declare)
        commands: list[nodes.Command] = []
        while True:
            self.skip_space()
            if self.token.kind == end:
                self.take()
                break
            if self.token.kind in {"eof", "right", ")"}:
                raise self.unexpected(self.take(), context)
            commands.append(self.command(context))
        self.check_pipeline(commands, context)
        if not assigns:
            self.variables.extend(names)
        return nodes.Pipe(start.pos, tuple(commands), names, assigns)

    def targets(self, context: str, most: int) -> tuple[tuple[str, ...], bool]:
        """The variables before ``:=`` or ``=``; nothing is consumed when the pipeline sets none."""
        begin, names = self.at, list[str]()
        while self.token.kind == "variable":
            names.append(self.take().text)
            self.skip_space()
            if self.token.kind != "comma":
                break
            self.take()
            self.skip_space()
        if not names or self.token.kind not in {"declare", "assign"}:
            self.at = begin
            return (), False
        if len(names) > most:
            raise self.fail(f"too many declarations in {context}" if most else f"unexpected <:=> in {context}")
        assigns = self.take().kind == "assign"
        for name in names if assigns else ():
            self.check_variable(name)
        return tuple(names), assigns

    def check_pipeline(self, commands: list[nodes.Command], context: str) -> None:
        """There is a command, and what is piped goes into something that can take it."""
        if not commands:
            raise self.fail(f"missing value for {context}")
        for stage, command in enumerate(commands[1:], 2):
            if isinstance(command.args[0], nodes.Bool | nodes.Dot | nodes.Nil | nodes.Number | nodes.StringLiteral):
                raise self.fail(f"non executable command in pipeline stage {stage}")

    def command(self, context: str) -> nodes.Command:
        """Operands up to a ``|`` (consumed) or whatever ends the pipeline (left)."""
        pos = self.token.pos
        args: list[Operand] = []
        while True:
            self.skip_space()
            operand = self.operand()
            if operand is None:
                break
            args.append(operand)
            if self.token.kind not in {"space", "right", ")", "pipe"}:
                raise self.unexpected(self.take(), "operand")
        if not args:
            raise self.fail("empty command")
        if self.token.kind == "pipe":
            self.take()
            self.skip_space()
            if self.token.kind in {"right", ")"}:
                raise self.fail(f"missing value for {context}")
        elif self.token.kind not in {"right", ")"}:
            raise self.unexpected(self.take(), context)
        return nodes.Command(pos, tuple(args))

    # --- operands -----------------------------------------------------------------------------------------------------

    def operand(self) -> Operand | None:
        """A term with the fields that follow it at once, or None where no term begins."""
        start = self.token
        term = self.term()
        if term is None:
            return None
        path: list[str] = []
        while self.token.kind == "field":
            path.append(self.take().text[1:])
        if not path:
            return term
        if isinstance(term, nodes.FieldAccess):
            return nodes.FieldAccess(term.pos, (*term.path, *path))
        if isinstance(term, nodes.Variable):
            return nodes.Variable(term.pos, term.name, tuple(path))
        if isinstance(term, nodes.Bool | nodes.StringLiteral | nodes.Number | nodes.Nil | nodes.Dot):
            raise self.fail(f"unexpected . after term {str(term)!r}".replace("'", '"'))
        return nodes.Chain(start.pos, term, tuple(path))

    def term(self) -> Operand | None:
        """An operand without the fields that follow, or None."""
        token = self.token
        match token.kind:
            case "word":
                return self.word(self.take())
            case "dot":
                return nodes.Dot(self.take().pos)
            case "field":
                return nodes.FieldAccess(token.pos, (self.take().text[1:],))
            case "variable":
                self.check_variable(token.text)
                return nodes.Variable(token.pos, self.take().text)
            case "number" | "char":
                self.take()
                return nodes.Number(token.pos, number(token.text), token.text)
            case "string" | "raw":
                self.take()
                return nodes.StringLiteral(token.pos, unquote(token.text), token.text)
            case "(":
                return self.parenthesis()
        return None

    def parenthesis(self) -> nodes.Pipe:
        """A pipeline in parentheses."""
        self.take()
        with self.deeper():
            return self.pipeline("parenthesized pipeline", ")")

    def word(self, token: Token) -> Operand:
        """A constant or the name of a function."""
        if token.text == "nil":
            return nodes.Nil(token.pos)
        if token.text in _CONSTANTS:
            return nodes.Bool(token.pos, _CONSTANTS[token.text])
        if token.text not in self.functions:
            raise self.fail(f'function "{token.text}" not defined')
        return nodes.Identifier(token.pos, token.text)

    def check_variable(self, name: str) -> None:
        """The variable is in scope."""
        if name not in self.variables:
            raise self.fail(f'undefined variable "{name}"')
