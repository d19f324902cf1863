"""The ``exec`` kind keeps the contract of discoverers, in both modes."""

from __future__ import annotations

import json
import sys

import pytest

from narthex.testing.contract import DiscoveryContract
from narthex.testing.rigs import DiscoveryRig
from narthex_sd import exec as program

FOLLOW = """
import sys, time
path, last = sys.argv[1], None
while True:
    text = open(path).read()
    if text != last:
        print(text, flush=True)
        last = text
    time.sleep(0.01)
"""
"""Prints a file's only line whenever it changes, and ends with a failure when there is no file."""


class PolledRig(DiscoveryRig):
    plugin = program
    kind = "exec"
    free_labels = True

    async def start(self):
        self.file = self.directory() / "targets.json"
        self.lists("h:1", "h:2")

    def config(self):
        return {"command": ["cat", str(self.file)], "refresh_interval": "50ms"}

    def write(self, text):
        aside = self.file.with_suffix(".new")
        aside.write_text(text)
        aside.replace(self.file)

    def lists(self, *addresses):
        self.write(json.dumps([{"targets": [one], "labels": {"k": "v"}} for one in addresses]))

    async def update(self):
        self.lists("h:1", "h:3")

    async def retract(self):
        self.lists("h:1")

    async def fail(self):
        self.file.rename(self.file.with_suffix(".gone"))

    async def recover(self):
        self.file.with_suffix(".gone").rename(self.file)

    async def malformed(self):
        for text in ("", "{", "7", '[{"targets": 7}]'):
            self.write(text)
            yield text

    async def enlarge(self, count):
        self.write(json.dumps([{"targets": [f"h:{number}" for number in range(count)]}]))


class StreamingRig(PolledRig):
    def config(self):
        return {"command": [sys.executable, "-S", "-c", FOLLOW, str(self.file)], "mode": "stream"}


class TestPolled(DiscoveryContract):
    @pytest.fixture
    def rig(self):
        return PolledRig()


class TestStreaming(DiscoveryContract):
    @pytest.fixture
    def rig(self):
        return StreamingRig()
