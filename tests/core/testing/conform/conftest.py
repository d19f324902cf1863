"""Distributions that look installed, each a folder of its own on the path."""

from __future__ import annotations

import sys
import textwrap

import pytest

from narthex.testing.conform.parent import examine

SOUND = """
    from dataclasses import dataclass
    from narthex import hookimpl
    from narthex.kinds import DiscoveryKind
    from narthex.model.targetgroup import TargetGroup

    @dataclass(frozen=True)
    class Config:
        port: int = 80

    class Rooms:
        def __init__(self, config, context):
            self.config = config

        async def run(self, publish):
            publish([TargetGroup("hall", ({"__address__": f"127.0.0.1:{self.config.port}"},))])

    @hookimpl
    def narthex_discovery_kinds():
        return [DiscoveryKind("rooms", Config, Rooms, summary="The rooms of a house")]
"""

RIG = """
    import {module}
    from narthex.testing.rigs import DiscoveryRig

    class RoomsRig(DiscoveryRig):
        plugin = {module}
        kind = "rooms"
        patience = 0.1
"""


class Shelf:
    """Makes distributions and examines them."""

    def __init__(self, root, monkeypatch):
        self.root = root
        self.monkeypatch = monkeypatch

    def put(self, source=SOUND, rig="", *, requires="narthex>=0.1,<1", entry=True, name="acme-rooms"):
        """Put a distribution of one module, and of one with its rigs, on the path."""
        module = name.replace("-", "_")
        info = self.root / f"{module}-1.2.dist-info"
        info.mkdir(parents=True)
        info.joinpath("METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n"
            + (f"Requires-Dist: {requires}\n" if requires else "")
        )
        points = (f"[narthex]\nrooms = {module}\n" if entry else "") + (
            f"[narthex_conformance]\nrooms = {module}_rigs\n" if rig else ""
        )
        info.joinpath("entry_points.txt").write_text(points)
        (self.root / f"{module}.py").write_text(textwrap.dedent(source))
        (self.root / f"{module}_rigs.py").write_text(textwrap.dedent(rig).replace("{module}", module))
        self.monkeypatch.syspath_prepend(self.root)

    def examine(self, name="acme-rooms", **how):
        return examine(name, **how)


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    before = set(sys.modules)
    yield Shelf(tmp_path, monkeypatch)
    for name in set(sys.modules) - before:
        if name.startswith("acme_"):
            del sys.modules[name]


def broken(report):
    """What is broken: by rule the text."""
    return {one.rule: one.what for kind in report.kinds for one in kind.verdicts if one.state == "broken"}


def states(report, name):
    """The verdicts of one kind by rule."""
    (kind,) = [one for one in report.kinds if one.name == name]
    return {one.rule: one.state for one in kind.verdicts}
