"""Run a template's actions over its data.

A template comes from a configuration file and may still be wrong in ways that only show when it runs: one that calls
itself, or that prints without end. Depth, steps and output are limited, so such a template costs one alert its text and
never the process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from narthex.gotemplate import nodes
from narthex.gotemplate.calls import CallError, Functions
from narthex.gotemplate.evaluate import Evaluator, MissingKey
from narthex.gotemplate.format import default_text
from narthex.gotemplate.literals import quote
from narthex.gotemplate.nodes import Definition, Node
from narthex.gotemplate.values import truth

__all__ = ["Limits", "Run"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one execution may take: templates within templates, actions executed, characters printed."""

    depth: int = 40
    steps: int = 1_000_000
    output: int = 4 << 20


class _BreakLoop(Exception):  # noqa: N818 - a jump, not an error
    """``{{break}}``."""


class _NextIteration(Exception):  # noqa: N818 - a jump, not an error
    """``{{continue}}``."""


@dataclass(slots=True)
class Run:
    """One execution: what it has printed, and how much of its limits is used."""

    definitions: Mapping[str, Definition]
    functions: Functions
    missing_key: MissingKey
    show: Callable[[Any], str]
    """How a value is printed; the place where HTML escaping comes in."""
    limits: Limits
    output: list[str] = field(default_factory=list)
    size: int = 0
    steps: int = 0
    depth: int = 0

    def render(self, name: str, data: Any) -> str:
        """The text of a named template, for functions that render one inside another."""
        outer, self.output = self.output, []
        try:
            self.template(name, data)
            return "".join(self.output)
        finally:
            self.output = outer

    def find(self, name: str) -> Definition:
        """A named template. Raises ``CallError`` where there is none."""
        definition = self.definitions.get(name)
        if definition is None:
            raise CallError(f"template {quote(name)} not defined")
        return definition

    def template(self, name: str, data: Any) -> None:
        """Print a named template. Raises ``CallError`` where there is none, or where it nests too deeply."""
        definition = self.find(name)
        if self.depth >= self.limits.depth:
            raise CallError(f"exceeded maximum template depth ({self.limits.depth})")
        self.depth += 1
        evaluator = Evaluator(definition, self.functions, self.missing_key, [("$", data)], self, self.limits.output)
        _Walker(self, evaluator).body(data, definition.body)
        self.depth -= 1

    def write(self, text: str) -> None:
        """Print. Raises ``CallError`` beyond the limit."""
        self.size += len(text)
        if self.size > self.limits.output:
            raise CallError(f"output exceeds {self.limits.output} characters")
        self.output.append(text)

    def step(self) -> None:
        """Count an action. Raises ``CallError`` beyond the limit."""
        self.steps += 1
        if self.steps > self.limits.steps:
            raise CallError(f"more than {self.limits.steps} actions executed")


@dataclass(slots=True)
class _Walker:
    run: Run
    evaluator: Evaluator

    def body(self, dot: Any, body: Iterable[Node]) -> None:
        """Execute nodes; the variables they declare end with them."""
        mark = len(self.evaluator.variables)
        try:
            for node in body:
                self.node(dot, node)
        finally:
            del self.evaluator.variables[mark:]

    def node(self, dot: Any, node: Node) -> None:
        self.evaluator.node = node
        try:
            self.run.step()
            self.execute(dot, node)
        except CallError as error:
            self.evaluator.node = node
            raise self.evaluator.fail(str(error)) from None

    def execute(self, dot: Any, node: Node) -> None:
        match node:
            case nodes.Text():
                self.run.write(node.text)
            case nodes.Action():
                value = self.evaluator.pipeline(dot, node.pipe)
                if not node.pipe.variables:
                    self.run.write(self.run.show(value))
            case nodes.If() | nodes.With():
                self.condition(dot, node)
            case nodes.Range():
                self.loop(dot, node)
            case nodes.TemplateCall():
                self.run.find(node.name)
                data = self.evaluator.pipeline(dot, node.pipe) if node.pipe else None
                self.run.template(node.name, data)
            case nodes.Break():
                raise _BreakLoop
            case nodes.Continue():
                raise _NextIteration

    def condition(self, dot: Any, node: nodes.If | nodes.With) -> None:
        """``if`` and ``with`` differ in what the cursor is inside; the variable they set is theirs alone."""
        mark = len(self.evaluator.variables)
        value = self.evaluator.pipeline(dot, node.pipe)
        if truth(value):
            self.body(value if isinstance(node, nodes.With) else dot, node.body)
        else:
            self.body(dot, node.otherwise)
        del self.evaluator.variables[mark:]

    def loop(self, dot: Any, node: nodes.Range) -> None:
        mark = len(self.evaluator.variables)
        # the loop sets its variables itself, for each item
        value = self.evaluator.pipeline(dot, nodes.Pipe(node.pipe.pos, node.pipe.commands))
        empty = True
        try:
            for key, item in self.items(value, len(node.pipe.variables)):
                empty = False
                self.iteration(node, key, item)
                del self.evaluator.variables[mark:]
        except _BreakLoop:
            pass
        del self.evaluator.variables[mark:]
        if empty:
            self.body(dot, node.otherwise)

    def iteration(self, node: nodes.Range, key: Any, item: Any) -> None:
        names = node.pipe.variables
        values = (item,) if len(names) == 1 else (key, item)
        for name, value in zip(names, values, strict=False):
            self.evaluator.set(name, value, assigns=node.pipe.assigns)
        self.run.step()
        with suppress(_NextIteration):
            self.body(item, node.body)

    def items(self, value: Any, variables: int) -> Iterable[tuple[Any, Any]]:
        """Key and item of each iteration; maps in the order of their keys. A number has items only."""
        if value is None:
            return ()
        if isinstance(value, Mapping):
            return [(key, value[key]) for key in sorted(value)]
        if isinstance(value, list | tuple):
            return enumerate(value)
        if isinstance(value, int) and not isinstance(value, bool):
            if variables > 1:
                raise self.evaluator.fail(f"can't use {value} to iterate over more than one variable")
            return ((number, number) for number in range(value))
        raise self.evaluator.fail(f"range can't iterate over {default_text(value)}")
