"""Build the tree of a template from its tokens.

Functions must be known and variables declared when the text is parsed, as in Go, so that a misspelt name is found at
load and not when an alert fires.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field

from narthex.gotemplate import nodes
from narthex.gotemplate.lexer import KEYWORDS, Token
from narthex.gotemplate.literals import quote, unquote
from narthex.gotemplate.nodes import Definition, Node
from narthex.gotemplate.pipelines import PipelineParser

__all__ = ["parse"]

_EMPTY_TEXT = " \t\r\n"


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
class _Parser(PipelineParser):
    definitions: dict[str, Definition] = field(default_factory=dict, init=False)
    loops: int = field(default=0, init=False)

    # --- bodies -------------------------------------------------------------------------------------------------------

    def top_level(self) -> tuple[Node, ...]:
        body = self.body(definitions=True)
        if body.end == "end":
            self.expect("right", "end")
        if body.end != "eof":
            raise self.fail(f"unexpected {{{{{body.end}}}}}")
        return body.nodes

    def body(self, *, definitions: bool = False) -> _Body:
        """Nodes up to ``{{end}}``, ``{{else`` (not beyond) or the end of the text."""
        found: list[Node] = []
        while True:
            self.action_line = 0
            token = self.take()
            if token.kind == "eof":
                return _Body(tuple(found), "eof")
            if token.kind == "error":
                raise self.unexpected(token, "input")
            if token.kind == "text":
                found.append(nodes.Text(token.pos, token.text))
                continue
            self.action_line = token.line
            self.skip_space()
            if self.token.kind in {"end", "else"}:
                return _Body(tuple(found), self.take().kind)
            if self.token.kind == "define" and definitions:
                self.definition()
            else:
                found.append(self.action())

    def inner(self) -> _Body:
        """The body of a control structure, one level deeper."""
        with self.deeper():
            body = self.body()
        if body.end == "eof":
            raise self.fail("unexpected EOF")
        return body

    def definition(self) -> None:
        self.take()
        _, name = self.template_name("define clause")
        self.expect("right", "define clause")
        outer, self.variables = self.variables, ["$"]
        body = self.inner()
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
            raise self.fail(f"template: multiple definition of template {quote(name)}")
        self.definitions[name] = Definition(name, body, self.name, self.text)

    # --- actions ------------------------------------------------------------------------------------------------------

    def action(self) -> Node:
        token = self.token
        match token.kind:
            case "if" | "with" | "range":
                return self.control(self.take())
            case "template":
                self.take()
                return self.template_call()
            case "block":
                self.take()
                return self.block()
            case "break" | "continue":
                return self.loop_exit(self.take())
            case "define":
                raise self.unexpected(self.take(), "command")
        pipe = self.pipeline("command", "right", declare=1)
        return nodes.Action(token.pos, pipe)

    def control(self, keyword: Token) -> Node:
        kind = keyword.kind
        outer = len(self.variables)
        pipe = self.pipeline(kind, "right", declare=2 if kind == "range" else 1)
        self.loops += kind == "range"
        body = self.inner()
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
            with self.deeper():
                return (self.control(self.take()),)
        if self.token.kind in KEYWORDS:
            raise self.unexpected(self.take(), "input")
        self.expect("right", "else")
        body = self.inner()
        if body.end != "end":
            raise self.fail("expected end; found {{else}}")
        self.expect("right", "end")
        return body.nodes

    def loop_exit(self, keyword: Token) -> Node:
        self.expect("right", f"{{{{{keyword.kind}}}}}")
        if not self.loops:
            raise self.fail(f"{{{{{keyword.kind}}}}} outside {{{{range}}}}")
        return nodes.Break(keyword.pos) if keyword.kind == "break" else nodes.Continue(keyword.pos)

    def template_call(self) -> Node:
        pos, name = self.template_name("template clause")
        return nodes.TemplateCall(pos, name, self.optional_pipeline("template clause"))

    def block(self) -> Node:
        """``{{block "x" pipeline}}`` defines a template and calls it at once."""
        pos, name = self.template_name("block clause")
        pipe = self.pipeline("block clause", "right")
        outer, self.variables = self.variables, ["$"]
        loops, self.loops = self.loops, 0
        body = self.inner()
        if body.end == "else":
            raise self.fail("unexpected {{else}} in block clause")
        self.expect("right", "block end")
        self.variables, self.loops = outer, loops
        self.define(name, body.nodes)
        return nodes.TemplateCall(pos, name, pipe)

    def template_name(self, context: str) -> tuple[int, str]:
        """A quoted name and its place, which messages give as that of the call."""
        token = self.take_solid()
        if token.kind not in {"string", "raw"}:
            raise self.unexpected(token, context)
        return token.pos, unquote(token.text)

    def optional_pipeline(self, context: str) -> nodes.Pipe | None:
        self.skip_space()
        if self.token.kind == "right":
            self.take()
            return None
        return self.pipeline(context, "right")


def _is_empty(body: tuple[Node, ...]) -> bool:
    return all(isinstance(node, nodes.Text) and not node.text.strip(_EMPTY_TEXT) for node in body)
