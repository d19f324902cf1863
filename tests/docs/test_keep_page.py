"""The how-to about keeping and deleting samples names flags, keys, routes and metrics that exist."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import yaml
from aiohttp.hdrs import METH_POST
from prometheus_client import CollectorRegistry
from tests.core.web.fakeview import FakeView

from narthex.config.decode import decode_yaml
from narthex.config.sections import TsdbSection
from narthex.options import ServerOptions
from narthex.web.app import make_app
from narthex_plugins.tsdb.metrics import TsdbMetrics

PAGE = (Path(__file__).resolve().parents[2] / "docs/how-to/keep-delete-and-back-up.md").read_text(encoding="utf-8")


def test_the_flags_exist() -> None:
    known = {one.metadata["flag"] for one in fields(ServerOptions)}
    assert set(re.findall(r"--([a-z][a-z.-]+)", PAGE)) <= known


def test_the_keys_exist() -> None:
    texts = re.findall(r"^    storage:\n(?:     .*\n)+", PAGE, re.MULTILINE)
    assert len(texts) == 2
    for text in texts:
        decode_yaml(TsdbSection, yaml.safe_dump(yaml.safe_load(text)["storage"]["tsdb"]), "the page")


async def test_the_routes_exist() -> None:
    routes = {(one.method, one.resource.canonical) for one in make_app(FakeView()).router.routes() if one.resource}
    paths = re.findall(r"http://127.0.0.1:9090(/[a-z0-9_/]+)", PAGE)
    assert len(paths) == 3
    assert {(METH_POST, path) for path in paths} <= routes


def test_the_metrics_exist() -> None:
    registry = CollectorRegistry()
    TsdbMetrics(registry)
    known = {sample.name for family in registry.collect() for sample in family.samples}
    assert set(re.findall(r"`(prometheus_[a-z_]+)`", PAGE)) <= known
