"""The ``file`` kind keeps the contract of discoverers."""

from __future__ import annotations

import json

import pytest

from narthex.testing.contract import DiscoveryContract
from narthex.testing.rigs import DiscoveryRig
from narthex_plugins import file


class FileRig(DiscoveryRig):
    plugin = file
    kind = "file"
    free_labels = True

    async def start(self):
        self.folder = self.directory()
        (self.folder / "targets").mkdir()
        self.write("a", "h:1")
        self.write("b", "h:2")

    def config(self):
        return {"files": [str(self.folder / "targets" / "*.json")]}

    def write(self, name, *addresses, text=None):
        """Replace a file as deployment tools do: by renaming a new one over it."""
        aside = self.folder / "new"
        aside.write_text(json.dumps([{"targets": addresses}]) if text is None else text)
        aside.replace(self.folder / "targets" / f"{name}.json")

    async def update(self):
        self.write("a", "h:1", "h:3")

    async def retract(self):
        (self.folder / "targets" / "b.json").unlink()

    async def malformed(self):
        for text in ("{", "7", '[{"targets": 7}]', '[{"targets": ["h:9"], "unknown": 1}]'):
            self.write("a", text=text)
            yield text

    async def enlarge(self, count):
        (self.folder / "targets" / "b.json").unlink()
        self.write("a", *(f"h:{number}" for number in range(count)))


class TestContract(DiscoveryContract):
    @pytest.fixture
    def rig(self):
        return FileRig()
