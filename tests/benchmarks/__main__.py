"""``make bench``: run every benchmark of this folder in turn; each prints its own figures.

Absolute figures drift from machine to machine, and with whatever else runs; docs/explanation/performance.md has ratios.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def main(names: list[str]) -> None:
    """Run the named benchmarks, or all."""
    found = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_"))
    for name in names or found:
        print(f"== {name}", flush=True)  # noqa: T201 -- printing is what a benchmark does
        importlib.import_module(f"tests.benchmarks.{name}").main()


if __name__ == "__main__":
    main(sys.argv[1:])
