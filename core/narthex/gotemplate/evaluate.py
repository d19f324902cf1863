"""Evaluate pipelines: commands, operands, fields, variables and function calls.

Strictly Go's order and Go's errors: every failure names the template, line and column and quotes the node at fault.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from narthex.errors import NarthexError, TemplateError
from narthex.gotemplate import nodes
from narthex.gotemplate.calls import CallError, Functions, checked
from narthex.gotemplate.nodes import Definition, Node, Operand
from narthex.gotemplate.values import Exported, is_string_map, is_struct, truth, type_name

__all__ = ["ABSENT", "Evaluator", "MissingKey"]

MissingKey = Literal["default", "zero", "error"]
"""What a key that a map does not have gives: no value, the type's zero value, or an error."""


class _Absent:
    """No argument comes from the pipeline. ``None`` cannot say so: it is a value that may be piped."""


ABSENT = _Absent()


@dataclass(slots=True)
class Evaluator:
    """One template being executed, with its variables; ``{{template}}`` makes another one."""

    definition: Definition
    functions: Functions
    missing_key: MissingKey
    variables: list[tuple[str, Any]] = field(default_factory=list)
    run: Any = None
    """The whole execution, given to functions that render further templates."""
    longest: int = 4 << 20
    """Characters that a function may give; a loop that doubles a text must not eat the memory."""

    def fail(self, node: Node, message: str) -> TemplateError:
        """An error at a node, worded as Go words it."""
        source = self.definition.text.encode()[: node.pos]
        line, column = source.count(b"\n") + 1, node.pos - (source.rfind(b"\n") + 1)
        where = f"{self.definition.source}:{line}:{column}"
        return TemplateError(f'template: {where}: executing "{self.definition.name}" at <{node}>: {message}')

    # --- pipelines ----------------------------------------------------------------------------------------------------

    def pipeline(self, dot: Any, pipe: nodes.Pipe) -> Any:
        """The value of a pipeline; sets its single variable, if it has one (``range`` sets its own)."""
        value: Any = ABSENT
        for command in pipe.commands:
            value = self.command(dot, command, value)
        if len(pipe.variables) == 1:
            self.set(pipe.variables[0], value, assigns=pipe.assigns)
        return value

    def set(self, name: str, value: Any, *, assigns: bool) -> None:
        """Declare a variable, or change the nearest one of that name."""
        if not assigns:
            self.variables.append((name, value))
            return
        for at in range(len(self.variables) - 1, -1, -1):
            if self.variables[at][0] == name:
                self.variables[at] = (name, value)
                return

    def command(self, dot: Any, command: nodes.Command, final: Any) -> Any:
        """One command, with the value that the command before it piped in."""
        first = command.args[0]
        if isinstance(first, nodes.Identifier):
            return self.function(dot, first, command, command.args[1:], final)
        if isinstance(first, nodes.FieldAccess):
            return self.fields(dot, dot, first, first.path, command.args[1:], final)
        if isinstance(first, nodes.Variable) and first.path:
            return self.fields(dot, self.variable(first), first, first.path, command.args[1:], final)
        if isinstance(first, nodes.Chain):
            receiver = self.operand(dot, first.operand)
            return self.fields(dot, receiver, first, first.path, command.args[1:], final)
        if len(command.args) > 1 or final is not ABSENT:
            raise self.fail(first, f"can't give argument to non-function {first}")
        if isinstance(first, nodes.Nil):
            raise self.fail(first, "nil is not a command")
        return self.operand(dot, first)

    def operand(self, dot: Any, operand: Operand) -> Any:
        """The value of an argument, where nothing is piped in and nothing follows."""
        match operand:
            case nodes.Dot():
                return dot
            case nodes.Nil():
                return None
            case nodes.Bool() | nodes.Number() | nodes.StringLiteral():
                return operand.value
            case nodes.Variable():
                value = self.variable(operand)
                return self.fields(dot, value, operand, operand.path, (), ABSENT) if operand.path else value
            case nodes.FieldAccess():
                return self.fields(dot, dot, operand, operand.path, (), ABSENT)
            case nodes.Identifier():
                return self.function(dot, operand, operand, (), ABSENT)
            case nodes.Chain():
                return self.fields(dot, self.operand(dot, operand.operand), operand, operand.path, (), ABSENT)
            case nodes.Pipe():
                return self.pipeline(dot, operand)

    def variable(self, node: nodes.Variable) -> Any:
        """The nearest variable of that name."""
        for name, value in reversed(self.variables):
            if name == node.name:
                return value
        raise self.fail(node, f"undefined variable: {node.name}")

    # --- fields and methods -------------------------------------------------------------------------------------------

    def fields(
        self, dot: Any, receiver: Any, node: Node, path: Sequence[str], args: Sequence[Operand], final: Any
    ) -> Any:
        """Follow ``.A.B.C``; the last step may be a method that takes arguments."""
        for at, name in enumerate(path[:-1]):
            receiver = self.field(receiver, name, node, at, ())
        given = [self.operand(dot, arg) for arg in args]
        if final is not ABSENT:
            given.append(final)
        return self.field(receiver, path[-1], node, len(path) - 1, given)

    def field(self, receiver: Any, name: str, node: Node, depth: int, args: Sequence[Any]) -> Any:
        """One step: a key of a map, or a field or method of an object."""
        if isinstance(receiver, Exported) and (name in receiver.go_names or is_struct(receiver)):
            return self.member(receiver, name, node, args)
        if isinstance(receiver, Mapping):
            if args:
                raise self.fail(node, f"{name} is not a method but has arguments")
            return self.key(receiver, name, node)
        if receiver is None:
            return self.of_nothing(name, node, depth)
        raise self.fail(node, f"can't evaluate field {name} in type {type_name(receiver)}")

    def of_nothing(self, name: str, node: Node, depth: int) -> None:
        """A field of nil: no value by default; what else, the missing-key mode tells."""
        if self.missing_key == "error":
            raise self.fail(node, f'nil data; no entry for key "{name}"')
        if self.missing_key == "zero" and depth:
            raise self.fail(node, f"nil pointer evaluating interface {{}}.{name}")

    def member(self, receiver: Exported, name: str, node: Node, args: Sequence[Any]) -> Any:
        """A field of an object, or the result of its method."""
        attribute = receiver.go_names.get(name)
        if attribute is None:
            raise self.fail(node, f"can't evaluate field {name} in type {receiver.go_type}")
        value = getattr(receiver, attribute)
        if not callable(value):
            if args:
                raise self.fail(node, f"{name} has arguments but cannot be invoked as function")
            return value
        try:
            return value(*args)
        except (CallError, NarthexError, TypeError) as error:  # TypeError: arguments that the method does not take
            raise self.fail(node, f"error calling {name}: {error}") from error

    def key(self, receiver: Mapping[str, Any], name: str, node: Node) -> Any:
        """A key of a map."""
        if name in receiver:
            return receiver[name]
        if self.missing_key == "error":
            raise self.fail(node, f'map has no entry for key "{name}"')
        return "" if is_string_map(receiver) and self.missing_key == "zero" else None

    # --- functions ----------------------------------------------------------------------------------------------------

    def function(self, dot: Any, name: nodes.Identifier, node: Node, args: Sequence[Operand], final: Any) -> Any:
        """Call a function; ``and`` and ``or`` stop at the first argument that decides."""
        if name.name in {"and", "or"} and args:
            return self.short_circuit(dot, name.name, args, final)
        given = [self.operand(dot, arg) for arg in args]
        if final is not ABSENT:
            given.append(final)
        function = self.functions[name.name]
        try:
            ready = checked(name.name, function, given)
        except CallError as error:
            raise self.fail(name, str(error)) from None
        try:
            result = function.call(self.run, *ready) if function.wants_run else function.call(*ready)
        except (CallError, NarthexError) as error:
            raise self.fail(node, f"error calling {name.name}: {error}") from error
        if isinstance(result, str) and len(result) > self.longest:
            raise self.fail(node, f"error calling {name.name}: result exceeds {self.longest} characters")
        return result

    def short_circuit(self, dot: Any, name: str, args: Sequence[Operand], final: Any) -> Any:
        """The first value that decides an ``and`` or ``or``; what follows it is not evaluated."""
        stop = name == "or"
        value: Any = None
        for arg in args:
            value = self.operand(dot, arg)
            if truth(value) is stop:
                return value
        return value if final is ABSENT else final
