"""Build the tree of a template from its tokens.

Functions must be known and variables declared when the text is parsed, as in Go, so that a misspelt name is found at
load and not when an alert fires.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field

from narthex.errors import TemplateError
from narthex.gotemplate import nodes
from narthex.gotemplate.lexer import Token, tokens
from narthex.gotemplate.literals import number, unquote
from narthex.gotemplate.nodes import Definition, Node, Operand

__all__ = ["parse"]

_CONSTANTS = {"true": True, "false": False}
_EMPTY_TEXT = " \t\r\n"
_MAX_NESTING = 100
"""Deeper nesting than any template has, shallow enough for Python's stack."""


def parse(text: str, name: str, functions: Container[str]) -> Mapping[str, Definition]:
    """The templates that ``text`` defines, the text itself under ``name``.

    Raises ``TemplateError`` reading ``template: NAME:LINE: what is wrong``.
    """
    parser = _Parser(name, text, functions)
    try:
        body = parser.top_level()
    except ValueError as error:
        raise parser.fail(str(error)) from None
    parser.define(name, body)
    return parser.definitions


@dataclass(frozen=True, slots=True)
class _Body:
    """A list of nodes with what ended it: ``end``, ``else`` or ``eof``."""

    nodes: tuple[Node, ...]
    end: str


@dataclass(slots=True)
class _Parser:
    name: str
    text: str
    functions: Container[str]
    definitions: dict[str, Definition] = field(default_factory=dict)
    variables: list[str] = field(default_factory=lambda: ["$"])
    loops: int = 0
    depth: int = 0
    at: int = 0
    tokens: list[Token] = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = list(tokens(self.text, self.name))

    # --- tokens -------------------------------------------------------------------------------------------------------

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def take(self) -> Token:
        token = self.tokens[self.at]
        self.at += token.kind != "eof"
        return token

    def take_solid(self) -> Token:
        """The next token that is no space."""
        self.skip_space()
        return self.take()

    def skip_space(self) -> None:
        while self.token.kind == "space":
            self.at += 1

    def expect(self, kind: str, context: str) -> Token:
        token = self.take_solid()
        if token.kind != kind:
            raise self.unexpected(token, context)
        return token

    def fail(self, message: str) -> TemplateError:
        line = self.tokens[max(self.at - 1, 0)].line
        return TemplateError(f"template: {self.name}:{line}: {message}")

    def unexpected(self, token: Token, context: str) -> TemplateError:
        if token.kind == "eof":
            return self.fail("unexpected EOF")
        return self.fail(f"unexpected <{token.text}> in {context}")

    # --- bodies -------------------------------------------------------------------------------------------------------

    def top_level(self) -> tuple[Node, ...]:
        body = self.body(definitions=True)
        if body.end != "eof":
            raise self.fail(f"unexpected {{{{{body.end}}}}}")
        return body.nodes

    def body(self, *, definitions: bool = False) -> _Body:
        """Nodes up to ``{{end}}``, ``{{else`` (not beyond) or the end of the text."""
        found: list[Node] = []
        while True:
            token = self.take()
            if token.kind == "eof":
                return _Body(tuple(found), "eof")
            if token.kind == "text":
                found.append(nodes.Text(token.pos, token.text))
                continue
            self.skip_space()
            if self.token.kind in {"end", "else"}:
                return _Body(tuple(found), self.take().kind)
            if self.token.kind == "define" and definitions:
                self.definition()
            else:
                found.append(self.action())

    def inner(self, context: str) -> _Body:
        """The body of a control structure, one level deeper."""
        self.depth += 1
        if self.depth > _MAX_NESTING:
            raise self.fail("nested too deeply")
        body = self.body()
        if body.end == "eof":
            raise self.fail(f"unexpected EOF in {context}" if context == "define" else "unexpected EOF")
        self.depth -= 1
        return body

    def definition(self) -> None:
        self.take()
        name = self.template_name("define clause")
        self.expect("right", "define clause")
        outer, self.variables = self.variables, ["$"]
        body = self.inner("define")
        if body.end == "else":
            raise self.fail("unexpected {{else}} in define clause")
        self.expect("right", "define end")
        self.variables = outer
        self.define(name, body.nodes)

    def define(self, name: str, body: tuple[Node, ...]) -> None:
        """Keep a definition; one that is empty never replaces one that is not."""
        known = self.definitions.get(name)
        if known is not None and not _is_empty(known.body):
            if _is_empty(body):
                return
            raise self.fail(f"multiple definition of template {name!r}".replace("'", '"'))
        self.definitions[name] = Definition(name, body, self.name, self.text)

    # --- actions ------------------------------------------------------------------------------------------------------

    def action(self) -> Node:
        token = self.token
        match token.kind:
            case "if" | "with" | "range":
                return self.control(self.take())
            case "template":
                return self.template_call(self.take())
            case "block":
                return self.block(self.take())
            case "break" | "continue":
                return self.loop_exit(self.take())
            case "define":
                raise self.unexpected(token, "input: {{define}} stands at the top level only")
        pipe = self.pipeline("command", "right", declare=1)
        return nodes.Action(token.pos, pipe)

    def control(self, keyword: Token) -> Node:
        kind = keyword.kind
        outer = len(self.variables)
        pipe = self.pipeline(kind, "right", declare=2 if kind == "range" else 1)
        self.loops += kind == "range"
        body = self.inner(kind)
        self.loops -= kind == "range"
        otherwise = self.otherwise(kind) if body.end == "else" else ()
        if body.end == "end":
            self.expect("right", "end")
        del self.variables[outer:]
        node = {"if": nodes.If, "with": nodes.With, "range": nodes.Range}[kind]
        return node(keyword.pos, pipe, body.nodes, otherwise)

    def otherwise(self, kind: str) -> tuple[Node, ...]:
        """What follows ``{{else``: a body, or another ``if`` or ``with`` that shares our ``{{end}}``."""
        self.skip_space()
        if self.token.kind == kind and kind in {"if", "with"}:
            self.depth += 1
            if self.depth > _MAX_NESTING:
                raise self.fail("nested too deeply")
            chained = (self.control(self.take()),)
            self.depth -= 1
            return chained
        self.expect("right", "else")
        body = self.inner(kind)
        if body.end != "end":
            raise self.fail("expected end; found {{else}}")
        self.expect("right", "end")
        return body.nodes

    def loop_exit(self, keyword: Token) -> Node:
        if not self.loops:
            raise self.fail(f"{{{{{keyword.kind}}}}} outside {{{{range}}}}")
        self.expect("right", f"{{{{{keyword.kind}}}}}")
        return nodes.Break(keyword.pos) if keyword.kind == "break" else nodes.Continue(keyword.pos)

    def template_call(self, keyword: Token) -> Node:
        name = self.template_name("template clause")
        return nodes.TemplateCall(keyword.pos, name, self.optional_pipeline("template clause"))

    def block(self, keyword: Token) -> Node:
        """``{{block "x" pipeline}}`` defines a template and calls it at once."""
        name = self.template_name("block clause")
        pipe = self.pipeline("block clause", "right")
        outer, self.variables = self.variables, ["$"]
        loops, self.loops = self.loops, 0
        body = self.inner("block")
        if body.end == "else":
            raise self.fail("unexpected {{else}} in block clause")
        self.expect("right", "block end")
        self.variables, self.loops = outer, loops
        self.define(name, body.nodes)
        return nodes.TemplateCall(keyword.pos, name, pipe)

    def template_name(self, context: str) -> str:
        token = self.take_solid()
        if token.kind not in {"string", "raw"}:
            raise self.unexpected(token, context)
        return unquote(token.text)

    def optional_pipeline(self, context: str) -> nodes.Pipe | None:
        self.skip_space()
        if self.token.kind == "right":
            self.take()
            return None
        return self.pipeline(context, "right")

    # --- pipelines ----------------------------------------------------------------------------------------------------

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
        self.take()
        self.depth += 1
        if self.depth > _MAX_NESTING:
            raise self.fail("nested too deeply")
        pipe = self.pipeline("parenthesized pipeline", ")")
        self.depth -= 1
        return pipe

    def word(self, token: Token) -> Operand:
        if token.text == "nil":
            return nodes.Nil(token.pos)
        if token.text in _CONSTANTS:
            return nodes.Bool(token.pos, _CONSTANTS[token.text])
        if token.text not in self.functions:
            raise self.fail(f'function "{token.text}" not defined')
        return nodes.Identifier(token.pos, token.text)

    def check_variable(self, name: str) -> None:
        if name not in self.variables:
            raise self.fail(f'undefined variable "{name}"')


def _is_empty(body: tuple[Node, ...]) -> bool:
    return all(isinstance(node, nodes.Text) and not node.text.strip(_EMPTY_TEXT) for node in body)
