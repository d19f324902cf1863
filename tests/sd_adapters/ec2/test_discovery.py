"""One block over time: what is kept when AWS does not answer, and what is asked for again."""

from __future__ import annotations

import logging

from botocore.exceptions import ClientError

from narthex_sd.ec2 import Ec2Config
from narthex_sd.ec2.discovery import Ec2Discoverer

CONFIG = Ec2Config(region="r")


def instance(name, **more):
    return {"InstanceId": name, "PrivateIpAddress": "127.0.0.9", "Placement": {"AvailabilityZone": "z"}, **more}


def error(code):
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "DescribeInstances")


class Cloud:
    """An API whose next answers the test decides; exceptions among pages are raised in their turn."""

    def __init__(self):
        self.pages = [[instance("i-1")]]
        self.zone_ids = {"z": "id-z"}
        self.connections = 0
        self.zone_calls = 0

    region = "r"

    def connect(self, config, send):
        self.connections += 1
        return self

    def reservations(self, filters):
        for page in self.pages:
            if isinstance(page, Exception):
                raise page
            yield {"Instances": page}

    def zones(self):
        self.zone_calls += 1
        if isinstance(self.zone_ids, Exception):
            raise self.zone_ids
        return self.zone_ids


def start(polled, cloud):
    return polled(lambda context: Ec2Discoverer(CONFIG, context, cloud.connect), "ec2/0")


def labels(block):
    return [target for group in block.seen.groups.values() for target in group.targets]


async def test_client_and_zones_are_asked_for_once(polled):
    cloud = Cloud()
    block = start(polled, cloud)
    for _ in range(3):
        assert await block.turn() is None
    assert (cloud.connections, cloud.zone_calls) == (1, 1)
    assert labels(block)[0]["__meta_ec2_availability_zone_id"] == "id-z"


async def test_a_failing_second_page_keeps_the_targets_of_the_answer_before(polled):
    cloud = Cloud()
    block = start(polled, cloud)
    await block.turn()
    cloud.pages = [[instance("i-2")], error("InternalError")]
    assert "InternalError" in str(await block.turn())
    assert [target["__meta_ec2_instance_id"] for target in labels(block)] == ["i-1"]
    assert block.count("prometheus_sd_refresh_failures_total", mechanism="ec2", config="test") == 1
    cloud.pages = [[instance("i-2")]]
    assert await block.turn() is None
    assert [target["__meta_ec2_instance_id"] for target in labels(block)] == ["i-2"]
    assert cloud.connections == 1


async def test_an_empty_answer_empties_the_region(polled):
    cloud = Cloud()
    block = start(polled, cloud)
    await block.turn()
    cloud.pages = [[]]
    assert await block.turn() is None
    assert labels(block) == []


async def test_credentials_are_looked_for_again_after_a_refusal(polled):
    cloud = Cloud()
    block = start(polled, cloud)
    for code in ("AuthFailure", "UnauthorizedOperation"):
        cloud.pages = [error(code)]
        assert code in str(await block.turn())
    cloud.pages = [[instance("i-1")]]
    assert await block.turn() is None
    assert cloud.connections == 3


async def test_zones_that_may_not_be_asked_for_cost_one_label_only(polled, caplog):
    cloud = Cloud()
    cloud.zone_ids = error("UnauthorizedOperation")
    block = start(polled, cloud)
    with caplog.at_level(logging.INFO):
        assert await block.turn() is None
    assert "__meta_ec2_availability_zone_id" not in labels(block)[0]
    assert not caplog.records
    cloud.zone_ids = {"z": "id-z"}
    await block.turn()
    assert labels(block)[0]["__meta_ec2_availability_zone_id"] == "id-z"
    assert (cloud.connections, cloud.zone_calls) == (1, 2)
