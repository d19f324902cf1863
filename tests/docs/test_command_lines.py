"""Every command line on a page is one that the commands understand: their names, options and arguments."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from narthex.cli.app import App
from narthex.cli.main import root
from narthex_plugins.standard import shipped

ROOT = Path(__file__).resolve().parents[2]
PAGES = [path for part in ("*.md", "docs/**/*.md", "examples/**/*.md") for path in sorted(ROOT.glob(part))]
PAGES.remove(ROOT / "docs/reference/cli.md")  # made from the commands
PAGES.remove(ROOT / "docs/reference/hooks.md")  # shows a command that a plugin would add
BLOCK = re.compile(r"^ *```\w*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
LINE = re.compile(r"^ *(?:\$ )?(?:\.venv/bin/)?(narthex .*)$", re.MULTILINE)
INLINE = re.compile(r"`(narthex [^`]+)`")


def whole(page):
    """Command lines of blocks, which are to be typed as they stand."""
    blocks = "\n".join(BLOCK.findall(page.read_text(encoding="utf-8"))).replace("\\\n", " ")
    return [line for line in LINE.findall(blocks) if "…" not in line]


def named(page):
    """Commands in the text, of which arguments may be missing and choices stand in one word."""
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    return [" ".join(one.split()) for one in INLINE.findall(text) if not re.search("[…|…]", one)]


def complaint(line, *, arguments):
    words = shlex.split(line, comments=True)
    ends = [at for at, word in enumerate(words) if word[0] in "<>|"]
    words = words[1 : min(ends, default=len(words))]
    context = click.Context(root, info_name="narthex", obj=App(shipped, {}, scan=False))
    command = root
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        if found is None:
            return f"{line}: no command {words[0]}"
        command, words = found, words[1:]
        context = click.Context(command, parent=context, obj=context.obj)
    try:
        values, left, _ = command.make_parser(context).parse_args(args=list(words))
    except click.UsageError as error:
        return f"{line}: {error.format_message()}"
    if left and not isinstance(command, click.Group):
        return f"{line}: too many arguments"
    given = {name for name, value in values.items() if isinstance(value, str | tuple) and value}
    missing = [one.name for one in command.params if one.required and one.name not in given]
    return f"{line}: {missing} missing" if arguments and missing else ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_are_understood(page):
    wrong = [complaint(line, arguments=True) for line in whole(page)]
    wrong += [complaint(line, arguments=False) for line in named(page)]
    assert [one for one in wrong if one] == []


def test_commands_are_found_and_looked_at():
    assert any("tsdb import --into data" in line for line in whole(ROOT / "docs/how-to/move-from-prometheus.md"))
    assert complaint("narthex tsdb snapshot", arguments=True)
    assert complaint("narthex why target --nonsense x", arguments=False)
    assert not complaint("narthex why target x  # a comment", arguments=True)
