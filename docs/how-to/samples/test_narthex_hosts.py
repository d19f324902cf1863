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
        self.write(b"a.example\nb.example\n")

    def write(self, text):
        """Put a whole new file in its place: half of one would be believed."""
        aside = self.file.with_suffix(".new")
        aside.write_bytes(text)
        aside.replace(self.file)

    def config(self):
        return {"file": str(self.file), "refresh_interval": "50ms"}

    async def update(self):
        self.write(b"a.example\nb.example\nc.example\n")

    async def retract(self):
        self.write(b"b.example\n")

    async def fail(self):
        self.file.rename(self.file.with_suffix(".gone"))

    async def recover(self):
        self.file.with_suffix(".gone").rename(self.file)

    async def malformed(self):
        self.write(b"\xff\xfe not UTF-8")
        yield "bytes that are no text"

    async def enlarge(self, count):
        self.write(b"\n".join(b"host%d.example" % number for number in range(count)))


class TestHosts(DiscoveryContract):
    @pytest.fixture
    def rig(self):
        return HostsRig()
