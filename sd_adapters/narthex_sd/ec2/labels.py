"""From the answer of ``DescribeInstances`` to a target group; pure, and in the shapes of boto3 (names as AWS's).

A label is set where AWS gives the property; reference §2.3 has the list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from narthex.config.names import sanitize_label_name
from narthex.model.targetgroup import TargetGroup

__all__ = ["group"]

PREFIX = "__meta_ec2_"

_PLAIN = {
    "instance_id": "InstanceId",
    "ami": "ImageId",
    "architecture": "Architecture",
    "instance_type": "InstanceType",
    "instance_lifecycle": "InstanceLifecycle",
    "platform": "Platform",
    "private_dns_name": "PrivateDnsName",
    "private_ip": "PrivateIpAddress",
    "public_ip": "PublicIpAddress",
}
"""Meta labels that are properties as they stand."""


def group(
    reservations: Iterable[Mapping[str, Any]], region: str, port: int, zone_ids: Mapping[str, str]
) -> TargetGroup:
    """All instances of a region, under the region as source.

    ``zone_ids`` maps names of availability zones to their ids, which are the same in every account. An instance that
    has neither an IPv4 nor an IPv6 address of its own, such as a terminated one, is left out; a stopped one has.
    """
    targets = []
    for reservation in reservations:
        owner = reservation.get("OwnerId")
        for instance in reservation.get("Instances", ()):
            target = _target(instance, port)
            if target is None:
                continue
            target[f"{PREFIX}region"] = region
            if owner is not None:
                target[f"{PREFIX}owner_id"] = owner
            zone_id = zone_ids.get(target.get(f"{PREFIX}availability_zone", ""))
            if zone_id is not None:
                target[f"{PREFIX}availability_zone_id"] = zone_id
            targets.append(target)
    return TargetGroup(region, tuple(targets))


def _target(instance: Mapping[str, Any], port: int) -> dict[str, str] | None:
    """The labels that come from the instance alone; None where it has no address."""
    labels = {f"{PREFIX}{name}": instance[key] for name, key in _PLAIN.items() if instance.get(key) is not None}
    if instance.get("PublicIpAddress") is not None and instance.get("PublicDnsName") is not None:
        labels[f"{PREFIX}public_dns_name"] = instance["PublicDnsName"]
    zone = instance.get("Placement", {}).get("AvailabilityZone")
    if zone is not None:
        labels[f"{PREFIX}availability_zone"] = zone
    state = instance.get("State", {}).get("Name")
    if state is not None:
        labels[f"{PREFIX}instance_state"] = state
    labels |= _network(instance)
    labels |= _tags(instance.get("Tags", ()))
    host = instance.get("PrivateIpAddress")
    if host is None and f"{PREFIX}default_ipv6_address" in labels:
        host = f"[{labels[f'{PREFIX}default_ipv6_address']}]"
    if host is None:
        return None
    return {"__address__": f"{host}:{port}", **labels}


def _network(instance: Mapping[str, Any]) -> dict[str, str]:
    """Where the instance is in its VPC; interfaces without a subnet are not looked at."""
    if instance.get("VpcId") is None:
        return {}
    interfaces = [one for one in instance.get("NetworkInterfaces", ()) if one.get("SubnetId") is not None]
    labels = {f"{PREFIX}vpc_id": instance["VpcId"]}
    if instance.get("SubnetId") is not None:
        labels[f"{PREFIX}primary_subnet_id"] = instance["SubnetId"]
    if interfaces:
        labels[f"{PREFIX}subnet_id"] = _joined(dict.fromkeys(one["SubnetId"] for one in interfaces))
    found = list(_ipv6(interfaces))
    if not found:
        return labels
    labels[f"{PREFIX}ipv6_addresses"] = _joined(address for _, address, _ in found)
    primary = {index: address for index, address, is_primary in found if is_primary}
    if primary:
        slots = (primary.get(index, "") for index in range(max(primary) + 1))
        labels[f"{PREFIX}primary_ipv6_addresses"] = _joined(slots)
    labels[f"{PREFIX}default_ipv6_address"] = primary[min(primary)] if primary else found[0][1]
    return labels


def _ipv6(interfaces: Iterable[Mapping[str, Any]]) -> Iterator[tuple[int, str, bool]]:
    """Position of the interface's device, address, and whether it is the interface's primary one."""
    for interface in interfaces:
        index = interface.get("Attachment", {}).get("DeviceIndex", 0)
        for one in interface.get("Ipv6Addresses", ()):
            if one.get("Ipv6Address") is not None:
                yield index, one["Ipv6Address"], bool(one.get("IsPrimaryIpv6"))


def _tags(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {
        f"{PREFIX}tag_{sanitize_label_name(tag['Key'])}": tag["Value"]
        for tag in tags
        if tag.get("Key") is not None and tag.get("Value") is not None
    }


def _joined(values: Iterable[str]) -> str:
    """With a comma before and behind each, so that a rule can match ``,value,``."""
    return f",{','.join(values)},"
