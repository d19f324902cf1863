"""Each rule of all kinds is broken by one kind, caught and named."""

from __future__ import annotations

import asyncio
import sys
import textwrap
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from tests.core.testing.contracts.breaking import plugin, verdict_of
from tests.core.testing.contracts.rooms import RoomsConfig, RoomsRig

from narthex.config.types import Secret
from narthex.kinds import DiscoveryKind
from narthex.testing.contracts import kind as contract

pytestmark = pytest.mark.narthex_unguarded  # what guards find is made here on purpose

KIND = DiscoveryKind("rooms", RoomsConfig, lambda config, context: object(), summary="Rooms")


def rig(**changes):
    """A rig of a kind that is like ``KIND`` but for these fields."""
    made = plugin("narthex_discovery_kinds", replace(KIND, **changes))

    class Rig(RoomsRig):
        def build(self, config, context):
            return self.described().build(config, context)

    Rig.plugin = made
    return Rig()


@dataclass(frozen=True)
class Restless:
    number: object = field(default_factory=object)


@dataclass(frozen=True)
class Open:
    password: str = ""


@dataclass(frozen=True)
class OpenOrNone:
    api_token: str | None = None


@dataclass(frozen=True)
class Masked:
    password: Secret | None = None
    password_file: str = ""
    tokens: int = 0


def reading(config, context):
    return Path("/etc/hostname").read_text()


def starting(config, context):
    return asyncio.get_running_loop().create_task(asyncio.Event().wait(), name="too early")


@pytest.mark.parametrize(
    ("rule", "changes", "what"),
    [
        ("kind/summary", {"summary": ""}, "has no summary"),
        ("kind/summary", {"summary": "a\nb"}, "more than a line"),
        ("kind/config-secrets", {"config": Open}, "Open.password is text; make it a narthex.config.types.Secret"),
        ("kind/config-secrets", {"config": OpenOrNone}, "OpenOrNone.api_token is text"),
        ("kind/idle-build", {"build": reading}, "build opens '/etc/hostname'"),
        ("kind/idle-build", {"build": starting}, "build starts the task 'too early'"),
    ],
)
def test_a_kind_that_breaks_the_rule_is_caught(rule, changes, what):
    verdict = verdict_of(rule, rig(**changes))
    assert verdict.state == "broken"
    assert what in verdict.what


def test_configs_that_are_not_equal_when_read_again_are_caught():
    one = rig()
    one.parsed = Restless
    assert "is not equal when it is read again" in verdict_of("kind/config-equality", one).what


def test_a_required_package_that_comes_with_the_plugin_is_caught(tmp_path, monkeypatch):
    (tmp_path / "acme_heavy.py").write_text(
        textwrap.dedent("""
            import sqlite3
            from dataclasses import dataclass

            @dataclass(frozen=True)
            class Config: ...
        """)
    )
    monkeypatch.syspath_prepend(tmp_path)
    import acme_heavy

    try:
        one = rig(config=acme_heavy.Config, requires=("sqlite3", "json"))
        verdict = verdict_of("kind/lazy-imports", one)
    finally:
        del sys.modules["acme_heavy"]
    assert verdict.state == "broken"
    assert "importing acme_heavy imports" in verdict.what


def test_what_only_sounds_like_a_secret_is_none():
    assert verdict_of("kind/config-secrets", rig(config=Masked)).state == "kept"


def test_every_rule_is_broken_above():
    tested = {"kind/summary", "kind/config-secrets", "kind/idle-build", "kind/config-equality", "kind/lazy-imports"}
    assert tested == {one.id for one in (*contract.CONFIGURED, *contract.RULES)}
