"""The child: loads one distribution, tries rule after rule, and writes a line of JSON before and after each.

``python -m narthex.testing.conform.child DIST --shipped MODULE:FUNCTION --after N``. The lines go to what was standard
output; whatever the plugin prints goes to standard error. On SIGABRT, by which the parent ends a child that hangs, the
interpreter writes where it was.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from ipaddress import ip_address
from typing import Any, TextIO

from narthex.testing.conform.distribution import RULES as DISTRIBUTION
from narthex.testing.conform.distribution import DistributionRig
from narthex.testing.conform.subject import RIG_GROUP, Examined, Subject
from narthex.testing.contracts.kind import RULES as COMMON
from narthex.testing.guards import Guards
from narthex.testing.rig import ConfiguredRig, Rig
from narthex.testing.rigs import RULES
from narthex.testing.rule import Broken, Rule, Verdict
from narthex.testing.running import try_rule

__all__ = ["main"]

_UNSURROUNDED = frozenset({"kind/summary", "kind/config-secrets", "kind/lazy-imports"})
"""Rules that look at the description of a kind only."""


@dataclass(frozen=True, slots=True)
class _Trial:
    """One rule, for one kind or (with an empty stage) the distribution."""

    stage: str
    kind: str
    plugin: str
    rule: Rule
    rig: Callable[[], Rig]
    missing: str = ""


def main(argv: Sequence[str] | None = None) -> int:
    """Run. Exit status 0 when every rule was tried, 2 where there is no such distribution."""
    parser = argparse.ArgumentParser(prog="narthex.testing.conform")
    parser.add_argument("distribution")
    parser.add_argument("--shipped", default="")
    parser.add_argument("--after", type=int, default=0)
    options = parser.parse_args(argv)
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    faulthandler.enable()
    try:
        subject = Subject(options.distribution, _shipped(options.shipped))
    except LookupError as error:
        _tell(lines, event="absent", what=str(error))
        return 2
    trials = list(_trials(subject))
    plan = [{"stage": one.stage, "kind": one.kind, "plugin": one.plugin, "rule": one.rule.id} for one in trials]
    _tell(lines, event="plan", distribution=subject.name, version=subject.version, trials=plan)
    guards = Guards()
    for number, trial in enumerate(trials[options.after :], options.after):
        _tell(lines, event="begin", number=number)
        verdict, found = _try(trial, guards)
        off = getattr(trial.rig, "unguarded", ())
        _tell(lines, event="end", number=number, verdict=asdict(verdict), guards=list(map(asdict, found)), off=off)
    _tell(lines, event="done")
    return 0


def _shipped(target: str) -> Mapping[str, object]:
    module, _, attribute = target.partition(":")
    found: Mapping[str, object] = getattr(import_module(module), attribute)() if target else {}
    return found


def _tell(lines: TextIO, **event: Any) -> None:
    lines.write(json.dumps(event) + "\n")
    lines.flush()


def _trials(subject: Subject) -> Iterator[_Trial]:
    for one in DISTRIBUTION:
        yield _Trial("", subject.name, "", one, partial(DistributionRig, subject))
    for kind in subject.kinds():
        for one in RULES.get(kind.stage, COMMON):
            yield _Trial(kind.stage, kind.name, kind.plugin, one, kind.rig, _missing(kind, one.id))


def _missing(kind: Examined, rule: str) -> str:
    """Why the rule cannot be tried without a rig of the author's; empty where it can."""
    if kind.declared or rule in _UNSURROUNDED:
        return ""
    if kind.stage in {"discovery", "receiver"} and not rule.startswith("kind/"):
        return f"it needs a rig ({RIG_GROUP})"
    rig = kind.rig()
    try:
        if isinstance(rig, ConfiguredRig):
            rig.parsed()
    except Broken:
        return f"it needs a rig ({RIG_GROUP}), because its config has required keys"
    return ""


def _try(trial: _Trial, guards: Guards) -> tuple[Verdict, Sequence[Any]]:
    if trial.missing:
        return Verdict(trial.rule.id, "unchecked", trial.missing), ()
    try:
        rig = trial.rig()
    except (Exception, SystemExit) as error:  # noqa: BLE001 -- whatever a rig does, there is a verdict
        return Verdict(trial.rule.id, "broken", f"the rig cannot be made: {type(error).__name__}: {error}"), ()
    if far := [one for one in rig.reaches if not _is_group(one)]:
        what = f"the rig reaches for {', '.join(far)}; in an examination only groups of multicast may be reached"
        return Verdict(trial.rule.id, "broken", what), ()
    return try_rule(trial.rule, rig, guards)


def _is_group(address: str) -> bool:
    try:
        return ip_address(address).is_multicast
    except ValueError:
        return False


if __name__ == "__main__":
    sys.exit(main())
