"""Renders what the project promises to others: the hook contract, and the reference pages made from the code.

The results are checked in, so that a change of a promise shows in review. ``NARTHEX_UPDATE=1 pytest tests/contracts``
writes them anew.
"""

from __future__ import annotations

import dataclasses
import inspect
import os
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from narthex import hookspec, kinds
from narthex.cli.app import App
from narthex.cli.main import root
from narthex_plugins.standard import shipped

ROOT = Path(__file__).resolve().parents[2]
HOOKS = [getattr(hookspec, name) for name in hookspec.__all__]
STAGE_OF = {
    "narthex_discovery_kinds": (kinds.DiscoveryKind, kinds.Discoverer),
    "narthex_promql_functions": (kinds.PromqlFunction,),
    "narthex_receiver_kinds": (kinds.ReceiverKind, kinds.Receiver, kinds.Notification),
    "narthex_relabel_actions": (kinds.RelabelAction, kinds.ActionRule),
    "narthex_scrape_kinds": (kinds.ScrapeKind,),
    "narthex_storage_kinds": (kinds.StorageKind,),
    "narthex_template_functions": (kinds.TemplateFunction,),
    "narthex_web_routes": (kinds.WebRoute,),
    "narthex_commands": (kinds.Command,),
}
"""Each hook's kind, and the protocols and values that belong to it."""
CLI_PREFACE = """\
Exit status: 0 fine, 1 a check failed or something expected went wrong, 2 wrong usage. Flags that are on or off are
written `--name` and `--no-name`.

`NARTHEX_PLUGINS` names the plugins of others that are loaded, by distribution or entry point, separated by commas: not
set, all are; empty, none is.

`narthex run` logs to standard error, a line for each event: `time`, `level`, `source` (file and line), `component` and
`msg`, then fields such as `job`, `plugin` and `distribution`, and `error` and `stack` for an exception."""


def agrees(path: Path, text: str) -> bool:
    """Whether a checked-in file holds ``text``; with ``NARTHEX_UPDATE=1`` it is made to."""
    if os.environ.get("NARTHEX_UPDATE") == "1":
        path.write_text(text, encoding="utf-8")
    return path.exists() and path.read_text(encoding="utf-8") == text


def signature(function: Any) -> str:
    """A function's name, parameters and result, as its author wrote them."""
    return function.__name__ + str(inspect.signature(function)).replace("'", "")


def contract() -> str:
    """Every hook and every field, method and default that a plugin may rely on, a line each."""
    lines = [f"hook {signature(hook)}" for hook in HOOKS]
    for name in kinds.__all__:
        one = getattr(kinds, name)
        lines.append("")
        if not isinstance(one, type):
            lines.append(f"alias {name} = {str(one).replace('typing.', '')}")
        elif dataclasses.is_dataclass(one):
            lines.append(f"dataclass {name}")
            lines.extend(f"    {field}: {kind}{default}" for field, kind, default in _fields(one))
            lines.extend(f"    property {prop}" for prop, value in vars(one).items() if isinstance(value, property))
        else:
            lines.append(f"protocol {name}")
            lines.extend(f"    {line}" for line in _members(one))
    return "\n".join(lines) + "\n"


def hooks_page() -> str:
    """``docs/reference/hooks.md``."""
    parts = [
        "# Hooks",
        "<!-- Made from narthex/hookspec.py and narthex/kinds.py: NARTHEX_UPDATE=1 pytest tests/contracts -->",
        _markdown(_doc(hookspec)),
        "## Kinds",
        _markdown(_doc(kinds)),
        "Every builder gets a `BuildContext`:",
        _table(kinds.BuildContext),
        _markdown(_doc(kinds.BuildContext).partition("\n\n")[2]),
    ]
    for hook in HOOKS:
        parts += [f"## `{signature(hook)}`", _markdown(_doc(hook))]
        for described in STAGE_OF[hook.__name__]:
            parts += [f"### {described.__name__}", _markdown(_doc(described))]
            parts.append(_table(described) if dataclasses.is_dataclass(described) else _code(_members(described)))
    return "\n\n".join(parts) + "\n"


def example(hook: Any) -> str:
    """The plugin in a hook's docstring."""
    return textwrap.dedent(_doc(hook).partition("Example::\n\n")[2])


def cli_page() -> str:
    """``docs/reference/cli.md``."""
    parts = [
        "# Commands",
        "<!-- Made from the commands themselves: NARTHEX_UPDATE=1 pytest tests/contracts -->",
        CLI_PREFACE,
    ]
    for names, command in _commands(root, ()):
        usage = " ".join(["narthex", *names])
        parts += [f"## {usage}", _help_text(command), _options(command, usage)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _commands(command: click.Command, names: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield names, command
    if isinstance(command, click.Group):
        with click.Context(command, obj=App(shipped, {}, scan=False)) as context:
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                assert inner is not None
                yield from _commands(inner, (*names, name))


def _help_text(command: click.Command) -> str:
    return inspect.cleandoc(command.help or "").replace("``", "`")


def _options(command: click.Command, usage: str) -> str:
    with click.Context(command, info_name=usage) as context:
        line = f"```\n{usage} {' '.join(command.collect_usage_pieces(context))}\n```"
        records = [one.get_help_record(context) for one in command.params if isinstance(one, click.Option)]
    rows = [f"| `{left.replace('|', chr(92) + '|')}` | {right} |" for left, right in filter(None, records)]
    return "\n".join([line, "", "| option | meaning |", "|---|---|", *rows]) if rows else line


def _fields(described: Any) -> Iterator[tuple[str, str, str]]:
    for field in dataclasses.fields(described):
        default: Any = field.default
        if default is dataclasses.MISSING:
            yield field.name, str(field.type), ""
        else:
            text = "a function" if callable(default) else repr(default)
            yield field.name, str(field.type), f" = {text}"


def _members(protocol: Any) -> list[str]:
    names = [f"{name}: {kind}" for name, kind in protocol.__annotations__.items()]
    for name, value in vars(protocol).items():
        if isinstance(value, property) and value.fget:
            names.append(f"{name}: {value.fget.__annotations__['return']}")
    methods = [value for name, value in vars(protocol).items() if inspect.isfunction(value) and name[0] != "_"]
    return names + [("async def " if inspect.iscoroutinefunction(one) else "def ") + signature(one) for one in methods]


def _table(described: Any) -> str:
    rows = [
        f"| `{field}` | `{kind.replace('|', chr(92) + '|')}` | {f'`{default[3:]}`' if default else 'required'} |"
        for field, kind, default in _fields(described)
    ]
    return "\n".join(["| field | type | default |", "|---|---|---|", *rows])


def _code(lines: list[str]) -> str:
    return "\n".join(["```python", *lines, "```"])


def _doc(described: Any) -> str:
    text = inspect.getdoc(described)
    assert text, f"{described} has no docstring"
    return text


def _markdown(docstring: str) -> str:
    """The little reStructuredText that docstrings hold, as Markdown."""
    prose, _, code = docstring.partition("Example::\n\n")
    prose = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", prose).replace("``", "`").strip()
    return f"{prose}\n\n```python\n{textwrap.dedent(code).strip()}\n```" if code else prose
