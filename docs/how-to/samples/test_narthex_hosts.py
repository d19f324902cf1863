import narthex_hosts
import pytest

from narthex.testing.contract import DiscoveryContract
from narthex.testing.rigs import DiscoveryRig


class HostsRig(DiscoveryRig):
    """The plugin, and the file that it reads."""

    plugin = narthex_hosts
    kind = "hosts"

    async def start(self):
        self.file = self.directory() / "hosts.txt"
        self.file.write_text("a.example\nb.example\n")

    def config(self):
        return {"file": str(self.file), "refresh_interval": "50ms"}

    async def update(self):
        self.file.write_text("a.example\nb.example\nc.example\n")

    async def retract(self):
        self.file.write_text("b.example\n")

    async def fail(self):
        self.file.rename(self.file.with_suffix(".gone"))

    async def recover(self):
        self.file.with_suffix(".gone").rename(self.file)

    async def malformed(self):
        self.file.write_bytes(b"\xff\xfe not UTF-8")
        yield "bytes that are no text"

    async def enlarge(self, count):
        self.file.write_text("\n".join(f"host{number}.example" for number in range(count)))


class TestHosts(DiscoveryContract):
    @pytest.fixture
    def rig(self):
        return HostsRig()
