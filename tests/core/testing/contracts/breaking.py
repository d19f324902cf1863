"""What the tests of all contracts share: try one rule with a rig made for it."""

from __future__ import annotations

from types import SimpleNamespace

from narthex import hookimpl
from narthex.testing.guards import Guards
from narthex.testing.rigs import RULES
from narthex.testing.running import try_rule

GUARDS = Guards(())


def by_id(stage):
    return {rule.id: rule for rule in RULES[stage]}


def verdict_of(rule, rig):
    """What became of a rule, without guards."""
    return try_rule(by_id(rig.stage)[rule], rig, GUARDS)[0]


def own_rules(stage):
    """The rules of the stage itself, without those of all kinds."""
    return {rule for rule in by_id(stage) if rule.startswith(f"{stage}/")}


def plugin(hook, *kinds):
    """A plugin object with one hook."""
    return SimpleNamespace(__name__="acme_odd", **{hook: hookimpl(lambda: list(kinds))})
