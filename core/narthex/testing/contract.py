"""The contracts as pytest classes: inherit the one of your stage, give it a rig, and every rule is a test.

::

    class TestCmdb(DiscoveryContract):
        @pytest.fixture
        def rig(self):
            return CmdbRig()

The tests are plain functions: each runs its rule on an event loop of its own, so no plugin for async tests is needed.
A rule that the rig gives nothing to check with is skipped, and says what is missing. ``excused`` maps the ids of rules
that cannot hold to the reason; an excuse for a rule that is kept fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pytest

from narthex.testing.guards import Guards
from narthex.testing.rig import Rig
from narthex.testing.rigs import RULES
from narthex.testing.rule import Broken, Rule
from narthex.testing.running import try_rule

__all__ = [
    "Contract", "DiscoveryContract", "FunctionContract", "ReceiverContract", "RelabelContract", "ScrapeContract",
    "StorageContract",
]  # fmt: skip

_GUARDS = pytest.StashKey[Guards]()


class Contract:
    """What all contracts share; ``stage`` chooses the rules."""

    stage: ClassVar[str] = ""
    excused: ClassVar[Mapping[str, str]] = {}

    @pytest.fixture
    def rig(self) -> Rig:
        """The kind with its surroundings; override this."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture `rig`")

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """A test for each rule of the stage."""
        if "rule" in metafunc.fixturenames:
            metafunc.parametrize("rule", RULES.get(self.stage, ()), ids=lambda one: one.id)

    def test_rule(self, rule: Rule, rig: Rig, request: pytest.FixtureRequest) -> None:
        """The rule is kept, and no guard finds anything meanwhile."""
        guards = request.config.stash.setdefault(_GUARDS, Guards())
        verdict, found = try_rule(rule, rig, guards)
        problems = [f"{rule.id} is broken by {rig.title()}: {verdict.what}"] if verdict.state == "broken" else []
        problems += [f"{one} ({rig.title()}, {rule.id})" for one in found]
        if rule.id in self.excused:
            if not problems and verdict.state == "kept":
                pytest.fail(f"{rule.id} is kept; take the excuse away")
            pytest.xfail(f"{self.excused[rule.id]}: {'; '.join(problems) or verdict.what}")
        if problems:
            raise Broken("\n".join(problems))
        if verdict.state == "unchecked":
            pytest.skip(f"{rule.id}: {verdict.what}")


class DiscoveryContract(Contract):
    """For a :class:`narthex.testing.rigs.DiscoveryRig`."""

    stage = "discovery"


class StorageContract(Contract):
    """For a :class:`narthex.testing.rigs.StorageRig`."""

    stage = "storage"


class RelabelContract(Contract):
    """For a :class:`narthex.testing.rigs.RelabelRig`."""

    stage = "relabel"


class ScrapeContract(Contract):
    """For a :class:`narthex.testing.rigs.ScrapeRig`."""

    stage = "scrape"


class ReceiverContract(Contract):
    """For a :class:`narthex.testing.rigs.ReceiverRig`."""

    stage = "receiver"


class FunctionContract(Contract):
    """For a :class:`narthex.testing.rigs.FunctionRig`."""

    stage = "function"
