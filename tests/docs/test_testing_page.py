"""The reference of the author's kit lists every rule, guard, fixture, option and marker that there is."""

from __future__ import annotations

import inspect
import os
import re
from pathlib import Path

from narthex.testing import plugin
from narthex.testing.conform.distribution import RULES as DISTRIBUTION
from narthex.testing.contracts.kind import CONFIGURED
from narthex.testing.guards import GUARDS
from narthex.testing.rig import ConfiguredRig, Rig
from narthex.testing.rigs import RIGS, RULES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "testing.md"
MARKS = re.compile(r"(<!-- (?P<what>\w+): made from the code -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def rows(header, lines):
    width = header.count("|") + 1
    body = "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
    return f"| {header} |\n{'|---' * width}|\n{body}\n"


def prose(docstring):
    """A docstring as Markdown on one line."""
    return re.sub(r":\w+:`~?([^`]+)`", r"`\1`", " ".join(docstring.split())).replace("``", "`")


def rule_rows(rules):
    needs = ["; ".join(f"`{name}()`" for name in one.needs) for one in rules]
    return rows("rule | what a plugin does that keeps it | needs", [
        (f"`{one.id}`", one.title, what) for one, what in zip(rules, needs, strict=True)
    ])  # fmt: skip


def rules():
    parts = ["### Every distribution\n", rule_rows(DISTRIBUTION), "### Every kind\n", rule_rows(CONFIGURED)]
    for stage, all_of in RULES.items():
        own = [one for one in all_of if one.id.startswith(f"{stage}/")]
        parts += [f"### {stage}\n", f"`{RIGS[stage].__name__}`: {rig_methods(stage)}\n", rule_rows(own)]
    return "\n".join(parts)


def rig_methods(stage):
    """The optional methods of a stage's rig, as its author sees them."""
    found = [
        (name, value)
        for name, value in vars(RIGS[stage]).items()
        if getattr(value, "is_optional", False) or name in {"labels", "calls"}
    ]
    lines = [
        f"`{name}{inspect.signature(value)}`".replace("'", "").replace("(self, ", "(").replace("(self)", "()")
        for name, value in found
    ]
    return ", ".join(re.sub(r" -> [^`]+", "", one) for one in lines) or "no methods of its own"


def rig():
    names = ["start", "enter", "directory", "config", "build"]
    lines = [(f"`{name}`", prose(inspect.getdoc(getattr(ConfiguredRig, name)))) for name in names]
    return prose(inspect.getdoc(Rig)) + "\n\n" + rows("method | meaning", lines)


def guards():
    return rows("guard | asks for", [(f"`{name}`", text) for name, text in GUARDS.items()])


def options():
    lines = []
    for name, (_, value, text) in plugin.OPTIONS.items():
        default = " ".join(value) if isinstance(value, list) else value
        lines.append((f"`{name}`", f"`{default}`" if default else "", text))
    return rows("option | default | meaning", lines)


def markers():
    return rows("marker | meaning", [(f"`{name}`", text) for name, text in plugin.MARKERS.items()])


def fixtures():
    """pytest wraps the functions, so their docstrings are read from what it wraps."""
    found = [(name, inspect.getdoc(inspect.unwrap(getattr(plugin, name))) or "") for name in plugin.FIXTURES]
    return rows("fixture | gives", [(f"`{name}`", prose(text)) for name, text in found])


PARTS = {"rules": rules, "rig": rig, "guards": guards, "options": options, "markers": markers, "fixtures": fixtures}


def test_the_page_holds_what_the_code_has():
    """``NARTHEX_UPDATE=1 pytest tests/docs`` writes it."""
    text = PAGE.read_text(encoding="utf-8")
    wanted = MARKS.sub(lambda found: f"{found[1]}\n{PARTS[found['what']]()}\n{found[4]}", text)
    if os.environ.get("NARTHEX_UPDATE") == "1":
        PAGE.write_text(wanted, encoding="utf-8")
    assert {found["what"] for found in MARKS.finditer(text)} == PARTS.keys()
    assert PAGE.read_text(encoding="utf-8") == wanted, "run NARTHEX_UPDATE=1 pytest tests/docs"


def test_every_rule_says_what_it_asks_for():
    every = [*DISTRIBUTION, *CONFIGURED, *(one for all_of in RULES.values() for one in all_of)]
    assert all(len(one.title) > 20 and not one.title.endswith(".") for one in every)
    ids = [one.id for one in {id(one): one for one in every}.values()]
    assert len(ids) == len(set(ids))


def test_every_fixture_of_the_plugin_is_listed():
    made = {name for name, value in vars(plugin).items() if type(value).__name__ == "FixtureFunctionDefinition"}
    assert made - {"_narthex_guards"} == set(plugin.FIXTURES)
