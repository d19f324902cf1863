"""Parse what stands between the braces: pipelines, commands, operands."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field

from narthex.gotemplate import nodes
from narthex.gotemplate.cursor import Cursor
from narthex.gotemplate.lexer import Token
from narthex.gotemplate.literals import number, quote, unquote
from narthex.gotemplate.nodes import Operand

__all__ = ["PipelineParser"]

_CONSTANTS = {"true": True, "false": False}
_BEGINS_OPERAND = frozenset({"word", "dot", "field", "variable", "number", "char", "string", "raw", "("})


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
        while (token := self.take_solid()).kind != end:
            if token.kind not in _BEGINS_OPERAND:
                raise self.unexpected(token, context)
            self.at -= 1
            commands.append(self.command())
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
            if most > len(names) and self.token.kind not in {"variable", "right", ")"}:
                raise self.fail(f"{context} can only initialize variables")
        if not names or self.token.kind not in {"declare", "assign"}:
            self.at = begin
            return (), False
        if len(names) > most:
            raise self.fail(f"too many declarations in {context}" if most else f"unexpected <:=> in {context}")
        return tuple(names), self.take().kind == "assign"

    def check_pipeline(self, commands: list[nodes.Command], context: str) -> None:
        """There is a command, and what is piped goes into something that can take it."""
        if not commands:
            raise self.fail(f"missing value for {context}")
        for stage, command in enumerate(commands[1:], 2):
            if isinstance(command.args[0], nodes.Bool | nodes.Dot | nodes.Nil | nodes.Number | nodes.StringLiteral):
                raise self.fail(f"non executable command in pipeline stage {stage}")

    def command(self) -> nodes.Command:
        """Operands up to a ``|`` (consumed) or whatever ends the pipeline (left)."""
        pos = self.token.pos
        args: list[Operand] = []
        while True:
            self.skip_space()
            operand = self.operand()
            if operand is not None:
                args.append(operand)
            token = self.take()
            if token.kind in {"right", ")"}:
                self.at -= 1
            elif token.kind not in {"space", "pipe"}:
                raise self.unexpected(token, "operand")
            if token.kind != "space":
                break
        if not args:
            raise self.fail("empty command")
        return nodes.Command(pos, tuple(args))

    # --- operands -----------------------------------------------------------------------------------------------------

    def operand(self) -> Operand | None:
        """A term with the fields that follow it at once, or None where no term begins."""
        term = self.term()
        if term is None:
            return None
        pos = self.token.pos  # Go places the whole where its fields begin
        path: list[str] = []
        while self.token.kind == "field":
            path.append(self.take().text[1:])
        if not path:
            return term
        if isinstance(term, nodes.FieldAccess):
            return nodes.FieldAccess(pos, (*term.path, *path))
        if isinstance(term, nodes.Variable):
            return nodes.Variable(pos, term.name, tuple(path))
        if isinstance(term, nodes.Bool | nodes.StringLiteral | nodes.Number | nodes.Nil | nodes.Dot):
            raise self.fail(f"unexpected . after term {quote(str(term))}")
        return nodes.Chain(pos, term, tuple(path))

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
