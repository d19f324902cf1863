"""The plugin of ``docs/how-to/write-a-discovery-plugin.md`` does what the page says."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from narthex.config.load import load_config
from narthex.errors import DiscoveryError
from narthex.kinds import BuildContext
from narthex.plugins.host import PluginHost
from narthex.testing.clock import FakeClock

SAMPLES = Path(__file__).resolve().parents[2] / "docs/how-to/samples"
LOOP = "asyncio_default_fixture_loop_scope=function"


@pytest.fixture
def plugin(monkeypatch):
    spec = importlib.util.spec_from_file_location("narthex_hosts", SAMPLES / "narthex_hosts.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "narthex_hosts", module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def block(plugin, tmp_path):
    """The block of the page's configuration, in a directory of its own."""
    (tmp_path / "prometheus.yml").write_text((SAMPLES / "prometheus.yml").read_text())
    catalog = PluginHost({"hosts": plugin}, scan=False).catalog()
    (block,) = load_config(tmp_path / "prometheus.yml", catalog).scrape_configs[0].discovery
    return block


@pytest.fixture
def discoverer(plugin, block):
    log = logging.LoggerAdapter(logging.getLogger("test"))
    context = BuildContext(name="hosts/0", clock=FakeClock(), log=log, registry=CollectorRegistry())
    return plugin.build(block.config, context)


async def test_every_line_of_the_file_is_a_target(discoverer, tmp_path):
    (tmp_path / "hosts.txt").write_text("a.example\nb.example\n")
    published = asyncio.Queue()
    task = asyncio.create_task(discoverer.run(published.put_nowait))
    groups = await published.get()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [group.targets for group in groups] == [
        ({"__address__": "a.example:9100"},), ({"__address__": "b.example:9100"},)
    ]  # fmt: skip


async def test_a_file_that_is_missing_publishes_nothing(discoverer):
    published = []
    with pytest.raises(DiscoveryError, match=r"hosts\.txt"):
        await discoverer.run(published.append)
    assert published == []


def test_the_file_is_looked_for_beside_the_configuration(block, tmp_path):
    assert block.config.file == str(tmp_path / "hosts.txt")


def test_the_entry_point_names_the_module(plugin):
    project = tomllib.loads((SAMPLES / "pyproject.toml").read_text())
    assert project["project"]["entry-points"]["narthex"] == {"hosts": plugin.__name__}


def test_the_tests_of_the_page_on_testing_pass(tmp_path):
    """Run as their author would: in a process of its own, with the plugin beside."""
    roots = [SAMPLES, *(SAMPLES.parents[2] / part for part in ("core", "plugins", "sd_adapters"))]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", "-o", LOOP]
    done = subprocess.run(
        [*command, "--rootdir", tmp_path, SAMPLES / "test_narthex_hosts.py"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, roots)), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert re.search(r"^\d+ passed in", done.stdout, re.MULTILINE), done.stdout
