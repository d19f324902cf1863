"""Says at the end of a run how each conformance suite stands: passed, failed, and what waits for which feature."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

OUTCOMES = ("passed", "failed", "xfailed", "skipped")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One line a test file, and below it the reasons of expected failures with their counts."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    reasons: dict[str, Counter[str]] = defaultdict(Counter)
    for outcome in OUTCOMES:
        for report in terminalreporter.stats.get(outcome, []):
            path = Path(report.nodeid.partition("::")[0])
            if path.parent.name == "conformance":
                counts[path.stem][outcome] += 1
                if outcome == "xfailed":
                    reasons[path.stem][report.wasxfail.removeprefix("reason: ")] += 1
    if not counts:
        return
    terminalreporter.section("conformance")
    for suite in sorted(counts):
        terminalreporter.line(f"{suite}: " + ", ".join(f"{counts[suite][one]} {one}" for one in OUTCOMES))
        for reason, count in reasons[suite].most_common():
            terminalreporter.line(f"    {count:5} {reason[:110]}")
