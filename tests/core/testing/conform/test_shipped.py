"""What ships is examined like a stranger's distribution, and keeps every rule that can be tried without a rig."""

from __future__ import annotations

from tests.core.testing.conform.conftest import broken

from narthex.testing.conform.parent import examine


def test_what_ships_conforms():
    report = examine("narthex", "narthex_plugins.standard:shipped")
    assert broken(report) == {}
    stages = {kind.stage for kind in report.kinds}
    assert {"", "discovery", "relabel", "scrape", "storage", "receiver"} <= stages
