"""Narthex and Prometheus on the same server that is like EC2: every discovered label, as both APIs show it.

All targets are dropped by relabeling: the server invents addresses, and nothing but loopback is ever contacted.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from tests.e2e.servers import free_port, get, narthex, program, serving, until

pytestmark = pytest.mark.server

NEWER = {"__meta_ec2_default_ipv6_address", "__meta_ec2_primary_ipv6_addresses"}
"""Labels that Debian's Prometheus 2.42 does not know yet."""


def configure(path: Path, endpoint: str, region: str) -> Path:
    path.parent.mkdir()
    path.write_text(
        textwrap.dedent(f"""
        scrape_configs:
          - job_name: everything
            ec2_sd_configs:
              - {{region: {region}, endpoint: "{endpoint}", port: 9100, refresh_interval: 1s}}
            relabel_configs: [{{action: drop, source_labels: [__address__]}}]
          - job_name: filtered
            ec2_sd_configs:
              - region: {region}
                endpoint: "{endpoint}"
                access_key: configured
                secret_key: hush
                refresh_interval: 1s
                filters:
                  - {{name: instance-state-name, values: [stopped]}}
                  - {{name: "tag:team/unit", values: [a, b]}}
            relabel_configs: [{{action: drop, source_labels: [__address__]}}]
        """)
    )
    return path


def populate(aws) -> None:
    """One instance of every sort that the server can play."""
    image = "ami-12c6146b"
    network = aws.create_vpc(CidrBlock="10.9.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]
    block = network["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"].replace("::/56", "::/64")
    subnets = [
        aws.create_subnet(VpcId=network["VpcId"], CidrBlock="10.9.1.0/24", Ipv6CidrBlock=block),
        aws.create_subnet(VpcId=network["VpcId"], CidrBlock="10.9.2.0/24"),
    ]
    first, second = (one["Subnet"]["SubnetId"] for one in subnets)
    tags = [{"Key": "team/unit", "Value": "a"}, {"Key": "Name", "Value": "grün, 1"}, {"Key": "empty", "Value": ""}]
    tagged = {"TagSpecifications": [{"ResourceType": "instance", "Tags": tags}]}
    aws.run_instances(ImageId=image, MinCount=2, MaxCount=2)
    made = aws.run_instances(ImageId=image, MinCount=2, MaxCount=2, SubnetId=first, InstanceType="c5.large", **tagged)
    address = [{"Ipv6Address": block.replace("/64", "7")}]
    sixth = aws.create_network_interface(SubnetId=first, Ipv6Addresses=address)["NetworkInterface"]
    own = [{"DeviceIndex": 0, "NetworkInterfaceId": sixth["NetworkInterfaceId"]}]
    aws.run_instances(ImageId=image, MinCount=1, MaxCount=1, NetworkInterfaces=own)
    spot = {"MarketType": "spot"}
    aws.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceMarketOptions=spot, SubnetId=second)
    windows = aws.describe_images(Filters=[{"Name": "platform", "Values": ["windows"]}])["Images"][0]["ImageId"]
    aws.run_instances(ImageId=windows, MinCount=1, MaxCount=1)
    extra = aws.create_network_interface(SubnetId=second)["NetworkInterface"]["NetworkInterfaceId"]
    aws.attach_network_interface(NetworkInterfaceId=extra, InstanceId=made["Instances"][1]["InstanceId"], DeviceIndex=1)
    aws.stop_instances(InstanceIds=[made["Instances"][0]["InstanceId"]])


def discovered(url: str) -> dict[tuple[str, str], dict[str, str]]:
    data = get(f"{url}/api/v1/targets")["data"]
    assert not data["activeTargets"], "nothing may be scraped"
    found = [target["discoveredLabels"] for target in data["droppedTargets"]]
    return {
        (labels["job"], labels["__meta_ec2_instance_id"]): {
            name: value for name, value in labels.items() if name == "__address__" or name.startswith("__meta_")
        }
        for labels in found
    }


def test_every_label_is_the_one_that_prometheus_discovers(aws, moto, tmp_path):
    populate(aws)
    theirs = configure(tmp_path / "theirs" / "prometheus.yml", moto.url, "eu-west-3")
    ours = configure(tmp_path / "ours" / "prometheus.yml", moto.url, "eu-west-3")
    port = free_port()
    argv = [
        program("prometheus"),
        f"--config.file={theirs}",
        f"--storage.tsdb.path={tmp_path / 'theirs' / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with serving(argv, tmp_path / "theirs" / "prometheus.log", port, "/-/ready") as prometheus:
        expected = until("Prometheus has the targets", lambda: complete(prometheus.url))
    server = narthex(ours, tmp_path / "ours" / "data", free_port())
    try:
        found = until("Narthex has the targets", lambda: complete(server.wait_for("/-/ready").url))
        assert server.stop() == 0
    finally:
        server.stop()
    log = server.log.read_text()
    assert "hush" not in log
    assert "level=WARN" not in log
    assert found.keys() == expected.keys()
    for key, labels in found.items():
        known = {name: value for name, value in labels.items() if name in expected[key] or name not in NEWER}
        assert known == expected[key]
    assert {name for labels in found.values() for name in labels} >= INTERESTING


INTERESTING = {
    f"__meta_ec2_{name}"
    for name in [
        *("ami", "architecture", "availability_zone", "availability_zone_id", "instance_id", "instance_lifecycle"),
        *("instance_state", "instance_type", "ipv6_addresses", "owner_id", "platform", "primary_subnet_id"),
        *("private_dns_name", "private_ip", "public_dns_name", "public_ip", "region", "subnet_id", "tag_Name"),
        *("tag_team_unit", "vpc_id"),
    ]
}
"""What the comparison has to have seen to be worth something."""


def complete(url: str) -> dict[tuple[str, str], dict[str, str]] | None:
    """What is discovered, once both jobs have answered."""
    found = discovered(url)
    return found if {job for job, _ in found} == {"everything", "filtered"} and len(found) == 8 else None
