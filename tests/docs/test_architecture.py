"""The tree on the architecture page is the order of layers that import-linter enforces, and names what there is."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")


def entries(folder):
    """What the tree lists under a folder, in order."""
    below = PAGE.split(f"\n{folder}", 1)[1].splitlines()[1:]
    own = [line.strip() for line in below[: next(at for at, line in enumerate(below) if not line.startswith(" "))]]
    names = [re.match(r"(?:[a-z_]+(?:/|\.py) ?)+", line)[0].split() for line in own]
    return [name.removesuffix("/").removesuffix(".py") for line in names for name in line]


def test_the_tree_of_the_core_is_the_order_of_its_layers():
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = next(one["layers"] for one in linter["contracts"] if one.get("containers") == ["narthex"])
    assert entries("core/narthex/") == [name for layer in layers for name in layer.split(" | ")]


def test_the_tree_names_every_package_and_module_of_the_core():
    there = {path.stem for path in (ROOT / "core/narthex").iterdir() if (path / "__init__.py").exists()}
    there |= {path.stem for path in (ROOT / "core/narthex").glob("*.py")} - {"__init__"}
    assert set(entries("core/narthex/")) == there


def test_what_the_page_calls_shipped_is_there():
    for name in entries("plugins/narthex_plugins/"):
        assert (ROOT / "plugins/narthex_plugins" / name).is_dir() or (
            ROOT / "plugins/narthex_plugins" / f"{name}.py"
        ).exists()
