"""Renders the modules that plugins may import, besides the hooks: public names, signatures and fields, a line each."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator
from enum import Enum
from importlib import import_module
from typing import Any

__all__ = ["MODULES", "PROVISIONAL", "modules"]

MODULES = (
    "narthex.clock",
    "narthex.config.http",
    "narthex.config.names",
    "narthex.config.types",
    "narthex.discovery.refresh",
    "narthex.errors",
    "narthex.http.client",
    "narthex.model.alert",
    "narthex.model.labels",
    "narthex.model.labeltable",
    "narthex.model.matcher",
    "narthex.model.metadata",
    "narthex.model.sample",
    "narthex.model.targetgroup",
    "narthex.scrape.exposition",
    "narthex.storage.frames",
    "narthex.storage.protocol",
    "narthex.testing.clock",
    "narthex.testing.contract",
    "narthex.testing.http",
    "narthex.testing.rigs",
)
"""What pages and templates tell authors to use."""

PROVISIONAL = (
    "narthex.promql.engine.functions.registry",
    "narthex.promql.engine.vector",
    "narthex.promql.engine.window",
)
"""The same for functions of PromQL; these follow the engine, with any version."""


def modules() -> str:
    """Every module's public names."""
    parts = [_module(name, "") for name in MODULES] + [_module(name, " (provisional)") for name in PROVISIONAL]
    return "\n\n".join(parts) + "\n"


def _module(name: str, note: str) -> str:
    module = import_module(name)
    lines = [line for one in sorted(module.__all__) for line in _member(one, getattr(module, one))]
    return "\n".join([f"module {name}{note}", *(f"    {line}" for line in lines)])


def _member(name: str, value: Any) -> Iterator[str]:
    if inspect.isclass(value):
        bases = ", ".join(base.__name__ for base in value.__bases__ if base is not object)
        yield f"class {name}({bases})" if bases else f"class {name}"
        yield from (f"    {line}" for line in _inside(value))
    elif inspect.isfunction(value):
        yield _function(name, value)
    else:
        yield f"name {name}"


def _inside(cls: type) -> Iterator[str]:
    """What the class itself defines; what it inherits stands with the other class."""
    if dataclasses.is_dataclass(cls):
        inherited = {name for base in cls.__bases__ for name in getattr(base, "__dataclass_fields__", {})}
        for field in dataclasses.fields(cls):
            if field.name not in inherited and not field.name.startswith("_"):
                optional = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
                yield f"{field.name}: {field.type}{' = …' if optional else ''}"
    if issubclass(cls, Enum):
        yield from (f"{one.name} = {one.value!r}" for one in cls)
        return
    for name, member in sorted(vars(cls).items()):
        plain = getattr(member, "__func__", member)  # a class or static method's own function
        if name.startswith("_") and (name != "__init__" or getattr(cls, "_is_protocol", False)):
            continue
        if isinstance(member, property):
            yield f"property {name}"
        elif inspect.isfunction(plain) and not (name == "__init__" and dataclasses.is_dataclass(cls)):
            yield _function(name, plain)


def _function(name: str, function: Any) -> str:
    word = "async def" if inspect.iscoroutinefunction(function) else "def"
    parameters = inspect.signature(function)
    # A default may be an object whose text has an address: that there is one is what counts.
    shown = [
        one.replace(default=_Dots()) if one.default is not one.empty else one for one in parameters.parameters.values()
    ]
    return f"{word} {name}{parameters.replace(parameters=shown)}".replace("'", "")


class _Dots:
    def __repr__(self) -> str:
        return "…"
