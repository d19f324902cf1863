"""Targets from DNS records: which configurations are valid, and what records become."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.conformance.cases import ROOT, params

from narthex.config.decode import decode_yaml
from narthex.errors import ConfigError, DiscoveryError
from narthex.model.targetgroup import TargetGroup
from narthex.testing.discovery import build_context
from narthex_sd.dns import DnsConfig
from narthex_sd.dns.discovery import DnsDiscoverer
from narthex_sd.dns.labels import Record
from narthex_sd.dns.lookup import Found

HOSTS = {"A": "address", "AAAA": "address", "SRV": "target", "MX": "exchange", "NS": "target"}


def configs() -> list[Any]:
    """The suite's second list, which ``params`` does not know."""
    path = ROOT / "discovery" / "dns.json"
    if not path.exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"{path} is absent"))]
    return [pytest.param(one, id=one["id"]) for one in json.loads(path.read_text(encoding="utf-8"))["configs"]]


@pytest.mark.parametrize("case", configs())
def test_configurations_are_valid_or_not_as_for_prometheus(case):
    if case["valid"]:
        assert list(config_of(case).names) == case["config"]["names"]
        return
    with pytest.raises(ConfigError):
        config_of(case)


@pytest.mark.parametrize("case", params("discovery/dns.json"))
async def test_records_give_the_groups_that_prometheus_sees(case):
    config = config_of(case)
    published: list[TargetGroup] = []

    async def lookup(_name: str, kind: str) -> Found:
        if "error" in case["lookup"]:
            raise DiscoveryError(case["lookup"]["error"])
        answer = case["lookup"]["answer"]
        records = [record_of(one) for one in answer if one["type"] == kind]
        return Found(tuple(records), tuple(one["type"] for one in answer if one["type"] != kind))

    def publish(groups: Any) -> None:
        published.extend(groups)
        raise Enough

    with pytest.raises((Enough, DiscoveryError)):
        await DnsDiscoverer(config, build_context("dns/0"), lookup).run(publish)
    assert published == [TargetGroup(one["source"], tuple(one["targets"]), one["labels"]) for one in case["expected"]]


class Enough(Exception):  # noqa: N818 -- not an error: the answer was seen
    pass


def config_of(case: dict[str, Any]) -> DnsConfig:
    return decode_yaml(DnsConfig, json.dumps(case["config"]), "dns.yml")


def record_of(answer: dict[str, Any]) -> Record:
    return Record(answer["type"], answer[HOSTS[answer["type"]]], answer.get("port", 0))
