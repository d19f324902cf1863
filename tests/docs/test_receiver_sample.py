"""The receiver of ``docs/how-to/write-a-receiver.md`` does what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest

from narthex.config.load import load_config
from narthex.config.types import Url
from narthex.errors import NotifyError
from narthex.kinds import Notification
from narthex.model.alert import Alert
from narthex.model.labels import Labels
from narthex.plugins.host import PluginHost
from narthex.testing.clock import FakeClock
from narthex.testing.discovery import build_context
from narthex.testing.http import FakeHttp
from narthex_plugins.standard import shipped

SAMPLE = Path(__file__).resolve().parents[2] / "docs/how-to/samples/ntfy.yml"
FULL = Alert(Labels({"alertname": "DiskFull"}), Labels({"summary": "no space left on web1"}), starts_at=1.0)
DOWN = Alert(Labels({"alertname": "Down"}), starts_at=1.0, ends_at=2.0)


@pytest.fixture
async def server():
    async with FakeHttp() as server:
        server.text("/our-alerts", "")
        yield server


@pytest.fixture
def receiver(sample, server, tmp_path):
    """The receiver of the page's configuration, with another server."""
    (tmp_path / "prometheus.yml").write_text(SAMPLE.read_text())
    (tmp_path / "ntfy-token").write_text("hush\n")
    plugin = sample("narthex_ntfy")
    catalog = PluginHost({**shipped(), "ntfy": plugin}, scan=False).catalog()
    (block,) = load_config(tmp_path / "prometheus.yml", catalog, env={}).narthex.receivers[0].configs
    config = plugin.NtfyConfig(Url(server.url().rstrip("/")), block.config.topic, block.config.http)
    return catalog.receivers["ntfy"].kind.build(config, build_context("ntfy/0", FakeClock()))


async def test_alerts_are_one_message(receiver, server):
    await receiver.send(Notification("phone", [FULL, DOWN]), deadline=5.0)
    await receiver.close()
    (request,) = server.requests
    assert request.body == b"no space left on web1"
    assert request.headers["Title"] == "DiskFull, Down"
    assert request.headers["Priority"] == "high"
    assert request.headers["Authorization"] == "Bearer hush"


async def test_when_all_is_well_the_message_is_quiet(receiver, server):
    await receiver.send(Notification("phone", [DOWN]), deadline=5.0)
    await receiver.close()
    (request,) = server.requests
    assert (request.headers["Priority"], request.body) == ("default", b"resolved")


@pytest.mark.parametrize("status", [0, 429, 500])
async def test_a_failure_is_a_notify_error(receiver, server, status):
    server.fail(status)
    with pytest.raises(NotifyError, match=r"^ntfy: "):
        await receiver.send(Notification("phone", [FULL]), deadline=5.0)
    await receiver.close()


async def test_without_anything_sent_there_is_nothing_to_close(receiver):
    await receiver.close()
