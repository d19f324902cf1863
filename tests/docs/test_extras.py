"""The page of extras names those that there are, and what they bring."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_extra_is_listed_with_what_it_brings():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    of_users = {name: needs for name, needs in extras.items() if name != "all" and not name.startswith("dev")}
    assert extras["all"] == [f"narthex[{','.join(of_users)}]"]
    brought = {name: ", ".join(re.split(r"[<>=\[]", need)[0] for need in needs) for name, needs in of_users.items()}
    page = (ROOT / "docs" / "reference" / "extras.md").read_text(encoding="utf-8")
    assert dict(re.findall(r"^\| `([\w-]+)` \| ([^|]+?) \|", page, re.MULTILINE)) == brought
