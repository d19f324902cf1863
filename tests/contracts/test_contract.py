from __future__ import annotations

import re

import pytest
from tests.contracts.modules import MODULES, PROVISIONAL, modules
from tests.contracts.rendering import HOOKS, ROOT, agrees, cli_page, contract, hooks_page, signature

from narthex import hookspec

UPDATE = "run NARTHEX_UPDATE=1 pytest tests/contracts and review what changed for plugin authors and users"


def test_the_contract_with_plugin_authors_is_the_one_checked_in():
    assert agrees(ROOT / "tests/contracts/hookspecs.txt", contract()), UPDATE


def test_the_modules_that_plugins_import_are_the_ones_checked_in():
    assert agrees(ROOT / "tests/contracts/modules.txt", modules()), UPDATE


def test_every_module_that_new_plugins_import_is_one_of_them():
    """Templates, examples and samples import nothing that may change unseen."""
    sources = [
        *ROOT.glob("core/narthex/scaffold/templates/*/src/**/*.tmpl"),
        *ROOT.glob("examples/plugin-*/src/**/*.py"),
    ]
    sources += ROOT.glob("docs/how-to/samples/*.py")
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    imported = set(re.findall(r"^\s*from (narthex(?:\.\w+)*) import", text, re.MULTILINE))
    assert len(sources) > 20
    assert sorted(imported - {"narthex", "narthex.kinds", *MODULES, *PROVISIONAL}) == []


def test_the_reference_of_hooks_is_made_from_the_code():
    assert agrees(ROOT / "docs/reference/hooks.md", hooks_page()), UPDATE


def test_the_reference_of_commands_is_made_from_the_code():
    assert agrees(ROOT / "docs/reference/cli.md", cli_page()), UPDATE


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook.__name__)
def test_every_hook_has_a_heading_with_its_exact_signature(hook):
    page = (ROOT / "docs/reference/hooks.md").read_text(encoding="utf-8")
    assert f"\n## `{signature(hook)}`\n" in page


@pytest.mark.parametrize("name", hookspec.__all__)
def test_every_hook_has_a_test_named_after_it(name):
    tests = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert re.search(rf"^(async )?def test_\w*{name}", tests, re.MULTILINE)


def test_every_function_of_the_specification_is_listed():
    marked = {name for name, value in vars(hookspec).items() if hasattr(value, "narthex_spec")}
    assert marked == set(hookspec.__all__)
