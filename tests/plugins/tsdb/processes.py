"""Scripts that work on a storage in a process of their own, say on lines how far they are, and are killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def started(script: Path, *arguments: object) -> subprocess.Popen[str]:
    """The script at work, with the sources of the checkout and the tests on its path."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(str(ROOT / one) for one in ("core", "plugins", "."))}
    command = [sys.executable, str(script), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def heard(process: subprocess.Popen[str]) -> str:
    """The next line it says."""
    assert process.stdout is not None
    return process.stdout.readline()


def killed(process: subprocess.Popen[str]) -> list[str]:
    """SIGKILL; the whole lines it had said and nobody had heard yet."""
    process.kill()
    rest, _ = process.communicate()
    return [line for line in rest.splitlines(keepends=True) if line.endswith("\n")]
