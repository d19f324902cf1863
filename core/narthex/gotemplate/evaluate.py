"""Evaluate pipelines: commands, operands, fields, variables and function calls.

Strictly Go's order and Go's errors: every failure names the template, line and column and quotes the node at fault.
That is the node looked at last, which is not always the one that a reader would blame: in ``(first .List).Nothing`` it
is ``.List``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from narthex.errors import NarthexError, TemplateError
from narthex.gotemplate import nodes
from narthex.gotemplate.calls import CallError, Functions, assigned, can_be_nil, check_count, constant
from narthex.gotemplate.nodes import Definition, Node, Operand
from narthex.gotemplate.values import Exported, Uint, is_string_map, is_struct, truth, type_name

__all__ = ["ABSENT", "Evaluator", "MissingKey"]

MissingKey = Literal["default", "zero", "error"]
"""What a key that a map does not have gives: no value, the type's zero value, or an error."""


class _Absent:
    """No argument comes from the pipeline. ``None`` cannot say so: it is a value that may be piped."""


ABSENT = _Absent()


@dataclass(frozen=True, slots=True)
class _Arguments:
    """What a field is given, to be evaluated once it proves to be a method."""

    dot: Any
    operands: Sequence[Operand]
    final: Any

    def __bool__(self) -> bool:
        return bool(self.operands) or self.final is not ABSENT


_NO_ARGUMENTS = _Arguments(None, (), ABSENT)


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
    node: Node = field(default_factory=lambda: nodes.Dot(0))
    """The node looked at last."""

    def fail(self, message: str) -> TemplateError:
        """An error at the node looked at last, worded as Go words it."""
        pos = self.node.pos
        source = self.definition.text.encode()[:pos]
        line, column = source.count(b"\n") + 1, pos - (source.rfind(b"\n") + 1)
        where = f"{self.definition.source}:{line}:{column}"
        return TemplateError(f'template: {where}: executing "{self.definition.name}" at <{self.node}>: {message}')

    # --- pipelines ----------------------------------------------------------------------------------------------------

    def pipeline(self, dot: Any, pipe: nodes.Pipe) -> Any:
        """The value of a pipeline; sets its single variable, if it has one (``range`` sets its own)."""
        self.node = pipe
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
        raise self.fail(f"undefined variable: {name}")

    def command(self, dot: Any, command: nodes.Command, final: Any) -> Any:
        """One command, with the value that the command before it piped in."""
        first, args = command.args[0], command.args[1:]
        if isinstance(first, nodes.Identifier):
            self.node = first
            return self.function(dot, first, command, args, final)
        if isinstance(first, nodes.FieldAccess | nodes.Chain) or (isinstance(first, nodes.Variable) and first.path):
            return self.fields(dot, first, args, final)
        if not isinstance(first, nodes.Pipe):
            self.node = first
        if args or final is not ABSENT:
            raise self.fail(f"can't give argument to non-function {first}")
        if isinstance(first, nodes.Nil):
            raise self.fail("nil is not a command")
        return self.operand(dot, first)

    def operand(self, dot: Any, operand: Operand) -> Any:
        """The value of an operand, where nothing is piped in and nothing follows."""
        if isinstance(operand, nodes.Pipe):
            return self.pipeline(dot, operand)
        self.node = operand
        match operand:
            case nodes.Dot():
                return dot
            case nodes.Nil():
                return None
            case nodes.Bool() | nodes.Number() | nodes.StringLiteral():
                return self.literal(operand)
            case nodes.Identifier():
                return self.function(dot, operand, operand, (), ABSENT)
            case nodes.Variable() if not operand.path:
                return self.variable(operand)
            case nodes.FieldAccess() | nodes.Chain() | nodes.Variable():
                return self.fields(dot, operand, (), ABSENT)

    def literal(self, node: nodes.Bool | nodes.Number | nodes.StringLiteral) -> Any:
        """The value of a constant; a whole number beyond 63 bits is one only as long as nobody asks for it."""
        if isinstance(node.value, Uint):
            raise self.fail(f"{node} overflows int")
        return node.value

    def variable(self, node: nodes.Variable) -> Any:
        """The nearest variable of that name."""
        for name, value in reversed(self.variables):
            if name == node.name:
                return value
        raise self.fail(f"undefined variable: {node.name}")

    def argument(self, dot: Any, node: Operand, wanted: str) -> Any:
        """An operand where a parameter of the Go type ``wanted`` stands."""
        self.node = node
        try:
            if isinstance(node, nodes.Nil):
                if not can_be_nil(wanted):
                    raise self.fail(f"cannot assign nil to {wanted}")
                return None
            if isinstance(node, nodes.Bool | nodes.Number | nodes.StringLiteral):
                return constant(self.literal(node), wanted, str(node))
            return assigned(self.operand(dot, node), wanted)
        except CallError as error:
            raise self.fail(str(error)) from None

    # --- fields and methods -------------------------------------------------------------------------------------------

    def fields(
        self, dot: Any, node: nodes.FieldAccess | nodes.Variable | nodes.Chain, args: Sequence[Operand], final: Any
    ) -> Any:
        """Follow ``.A.B.C``; the last step may be a method that takes arguments."""
        self.node = node
        receiver = dot
        if isinstance(node, nodes.Variable):
            receiver = self.variable(node)
        elif isinstance(node, nodes.Chain):
            receiver = self.operand(dot, node.operand)
        boxed, last = False, len(node.path) - 1
        for at, name in enumerate(node.path):
            given = _Arguments(dot, args, final) if at == last else _NO_ARGUMENTS
            value = self.field(receiver, name, node, given, boxed=boxed)
            receiver, boxed = value, self.gives_any(receiver, name)
        return receiver

    def field(self, receiver: Any, name: str, node: Node, given: _Arguments, *, boxed: bool) -> Any:
        """One step: a key of a map, or a field or method of an object; ``boxed``: Go knows no type of it."""
        if isinstance(receiver, Exported) and (name in receiver.go_names or is_struct(receiver)):
            return self.member(receiver, name, node, given)
        if isinstance(receiver, Mapping):
            if given:
                raise self.fail(f"{name} is not a method but has arguments")
            return self.key(receiver, name)
        if receiver is None:
            return self.of_nothing(name, boxed=boxed)
        raise self.fail(f"can't evaluate field {name} in type {'interface {}' if boxed else type_name(receiver)}")

    def of_nothing(self, name: str, *, boxed: bool) -> None:
        """A field of nil is an error where a map or object holds the nil; of no value at all it is no value, too."""
        if boxed:
            raise self.fail(f"nil pointer evaluating interface {{}}.{name}")
        if self.missing_key == "error":
            raise self.fail(f'nil data; no entry for key "{name}"')

    def gives_any(self, receiver: Any, name: str) -> bool:
        """Whether what the step gave is a Go ``interface {}``, of which messages know no better type."""
        if isinstance(receiver, Exported):
            return name in receiver.go_any
        held = isinstance(receiver, Mapping) and not is_string_map(receiver)
        return held and (name in receiver or self.missing_key == "zero")

    def member(self, receiver: Exported, name: str, node: Node, given: _Arguments) -> Any:
        """A field of an object, or the result of its method."""
        attribute = receiver.go_names.get(name)
        if attribute is None:
            raise self.fail(f"can't evaluate field {name} in type {receiver.go_type}")
        value = getattr(receiver, attribute)
        if not callable(value):
            if given:
                raise self.fail(f"{name} has arguments but cannot be invoked as function")
            return value
        args = [self.argument(given.dot, arg, "any") for arg in given.operands]
        try:
            return value(*args) if given.final is ABSENT else value(*args, given.final)
        except (CallError, NarthexError, TypeError) as error:  # TypeError: arguments that the method does not take
            self.node = node
            raise self.fail(f"error calling {name}: {error}") from error

    def key(self, receiver: Mapping[str, Any], name: str) -> Any:
        """A key of a map."""
        if name in receiver:
            return receiver[name]
        if self.missing_key == "error":
            raise self.fail(f'map has no entry for key "{name}"')
        return "" if is_string_map(receiver) and self.missing_key == "zero" else None

    # --- functions ----------------------------------------------------------------------------------------------------

    def function(self, dot: Any, name: nodes.Identifier, node: Node, args: Sequence[Operand], final: Any) -> Any:
        """Call a function; ``and`` and ``or`` stop at the first argument that decides."""
        function = self.functions[name.name]
        piped = final is not ABSENT
        try:
            check_count(name.name, function, len(args), piped=piped)
        except CallError as error:
            raise self.fail(str(error)) from None
        if name.name in {"and", "or"} and args:
            return self.short_circuit(dot, name.name, args, final)
        types = (*function.params, *([function.rest or "any"] * (len(args) + piped - len(function.params))))
        ready = [self.argument(dot, arg, wanted) for arg, wanted in zip(args, types, strict=False)]
        try:
            if piped:
                ready.append(assigned(final, types[-1]))
        except CallError as error:
            raise self.fail(str(error)) from None
        try:
            result = function.call(self.run, *ready) if function.wants_run else function.call(*ready)
        except (CallError, NarthexError) as error:
            self.node = node
            raise self.fail(f"error calling {name.name}: {error}") from error
        if isinstance(result, str) and len(result) > self.longest:
            self.node = node
            raise self.fail(f"error calling {name.name}: result exceeds {self.longest} characters")
        return result

    def short_circuit(self, dot: Any, name: str, args: Sequence[Operand], final: Any) -> Any:
        """The first value that decides an ``and`` or ``or``; what follows it is not evaluated."""
        stop = name == "or"
        value: Any = None
        for arg in args:
            value = self.argument(dot, arg, "any")
            if truth(value) is stop:
                return value
        return value if final is ABSENT else final
