"""From AWS's answers to target groups, as Prometheus makes them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from tests.conformance.cases import params

from narthex.config.decode import decode_json
from narthex.model.targetgroup import TargetGroup
from narthex.testing.discovery import Recorder, build_context
from narthex_sd.ec2 import Ec2Config, Ec2Filter
from narthex_sd.ec2.discovery import Ec2Discoverer


class Stub:
    """Answers as the case says, filtering as AWS would by ``instance-state-name``, the only filter that occurs."""

    def __init__(self, region: str, instances: Mapping[str, Any], zones: Mapping[str, Any]) -> None:
        self.region = region
        self._instances = instances
        self._zones = zones

    def reservations(self, filters: Sequence[Ec2Filter]) -> Iterator[Mapping[str, Any]]:
        assert {one.name for one in filters} <= {"instance-state-name"}
        for one in self._instances["Reservations"]:
            yield {**one, "Instances": [instance for instance in one["Instances"] if passes(instance, filters)]}

    def zones(self) -> Mapping[str, str]:
        return {zone["ZoneName"]: zone["ZoneId"] for zone in self._zones["AvailabilityZones"]}


def passes(instance: Mapping[str, Any], filters: Sequence[Ec2Filter]) -> bool:
    return all(instance["State"]["Name"] in one.values for one in filters)


@pytest.mark.parametrize("case", params("discovery/ec2.json"))
async def test_instances_give_the_targets_that_prometheus_makes(case):
    config = decode_json(Ec2Config, json.dumps(case["config"]), "case.json")
    stub = Stub(config.region, case["describe_instances"], case["describe_availability_zones"])
    seen = Recorder()
    discoverer = Ec2Discoverer(config, build_context("ec2/0"), lambda config, send: stub)
    task = asyncio.create_task(discoverer.run(seen))
    try:
        await seen.until(lambda seen: bool(seen.published))
    finally:
        task.cancel()
        await asyncio.wait({task})
    expected = [TargetGroup(one["source"], tuple(one["targets"]), one["labels"]) for one in case["expected"]]
    assert list(seen.published[0]) == expected
