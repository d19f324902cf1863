"""Distributions built and installed beside narthex without a network, each test's in a directory of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ROOTS = tuple(ROOT / part for part in ("core", "plugins", "sd_adapters"))


def run(*command: object, **settings: Any) -> str:
    """What a command prints; fails with all of it where the command does."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, **settings)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def narthex(*arguments: object, **settings: Any) -> str:
    """What ``narthex`` prints when it is called with these arguments."""
    code = "import sys; from narthex_plugins.standard import main; sys.exit(main(sys.argv[1:]))"
    return run(sys.executable, "-c", code, *arguments, **settings)


def install(target: Path, *projects: Path) -> None:
    """Build the projects and install them, and nothing they need, into a directory."""
    run(
        sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index",
        "--disable-pip-version-check", "--target", target, *projects,
    )  # fmt: skip


def environment(target: Path) -> dict[str, str]:
    """Variables of a process that finds narthex and what is installed in a directory, and no settings of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NARTHEX_", "PYTEST_"))}
    return {**kept, "PYTHONPATH": os.pathsep.join(map(str, (target, *ROOTS)))}
