"""The adapter against a server that is like EC2."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from narthex.config.types import Duration, Secret, Url
from narthex.testing.discovery import Recorder, build_context
from narthex_sd.ec2 import Ec2Filter, api
from narthex_sd.ec2.discovery import Ec2Discoverer

pytestmark = pytest.mark.server


LIVE = (Ec2Filter("instance-state-name", ("pending", "running", "stopped")),)
"""moto's terminated instances keep their address; those of AWS lose it."""


def run_instances(aws, count=1, **how):
    answer = aws.run_instances(ImageId="ami-12c6146b", MinCount=count, MaxCount=count, **how)
    return [instance["InstanceId"] for instance in answer["Instances"]]


def ids(seen):
    return sorted(target["__meta_ec2_instance_id"] for group in seen.groups.values() for target in group.targets)


@contextlib.asynccontextmanager
async def running(config, context=None):
    seen = Recorder()
    task = asyncio.create_task(Ec2Discoverer(config, context or build_context("ec2/0")).run(seen))
    try:
        yield seen
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_all_pages_are_read(aws, config, monkeypatch):
    monkeypatch.setattr(api, "_PAGE", 5)
    expected = sorted(one for _ in range(12) for one in run_instances(aws))
    async with running(config) as seen:
        await seen.until(lambda seen: bool(seen.published))
    assert ids(seen) == expected


async def test_filters_are_applied_by_the_server(aws, config):
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "role", "Value": "db"}]}]
    run_instances(aws)
    wanted = run_instances(aws, TagSpecifications=tags)
    async with running(replace(config, filters=(Ec2Filter("tag:role", ("db", "cache")),))) as seen:
        await seen.until(lambda seen: bool(seen.published))
    assert ids(seen) == wanted


async def test_a_stopped_instance_stays_and_a_terminated_one_goes(aws, config):
    stopped, terminated = run_instances(aws, 2)
    async with running(replace(config, filters=LIVE)) as seen:
        await seen.until(lambda seen: len(ids(seen)) == 2)
        await asyncio.to_thread(aws.stop_instances, InstanceIds=[stopped])
        await asyncio.to_thread(aws.terminate_instances, InstanceIds=[terminated])
        await seen.until(lambda seen: ids(seen) == [stopped])
        await seen.until(lambda seen: seen.groups["eu-west-3"].targets[0]["__meta_ec2_instance_state"] == "stopped")


async def test_a_role_is_assumed_with_its_external_id(aws, config, moto, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", moto.url)
    wanted = run_instances(aws)
    role = "arn:aws:iam::123456789012:role/prometheus"
    keys = {"access_key": "configured", "secret_key": Secret("hush")}
    async with running(replace(config, role_arn=role, external_id="ticket", **keys)) as seen:
        await seen.until(lambda seen: bool(seen.published))
    assert ids(seen) == wanted


async def test_a_server_that_is_away_is_counted_and_leaves_no_thread(config):
    registry = CollectorRegistry()
    away = replace(config, endpoint=Url("http://127.0.0.1:1"), refresh_interval=Duration(60_000))
    context = build_context("ec2/0", registry=registry, job="cloud")
    with pytest.raises(Exception, match=r"Cannot connect to host 127\.0\.0\.1:1"):
        await Ec2Discoverer(away, context).run(Recorder())
    labels = {"mechanism": "ec2", "config": "cloud"}
    assert registry.get_sample_value("prometheus_sd_refresh_failures_total", labels) == 1
