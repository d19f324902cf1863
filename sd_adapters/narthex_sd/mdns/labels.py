"""From a resolved service instance to its target group; pure.

There is one group for each instance, so an instance that says goodbye is retracted alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address

from narthex.config.names import sanitize_label_name
from narthex.model.targetgroup import TargetGroup
from narthex_sd.mdns.config import IpVersion

__all__ = ["Service", "group"]

PREFIX = "__meta_mdns_"


@dataclass(frozen=True, slots=True)
class Service:
    """A service instance as its records tell: PTR, SRV, TXT, A and AAAA.

    ``name`` and ``type`` are whole domain names with the dot at the end; ``addresses`` are of both versions, a
    link-local one with its interface behind ``%``; ``txt`` has None for a key without a value.
    """

    name: str
    type: str
    server: str
    port: int
    addresses: tuple[str, ...]
    txt: Mapping[bytes, bytes | None] = field(default_factory=dict)


def group(service: Service, ip_version: IpVersion) -> TargetGroup:
    """The target of one instance, under its name as source; a retraction where there is nothing to connect to.

    The address is the first of version 4, else the first of version 6, one that is link-local last. Port 0 says that
    the name is taken and the service not there (RFC 2782 and Avahi's habit).
    """
    source = service.name.lower()
    four = sorted({one for one in service.addresses if ":" not in one}, key=ip_address)
    six = sorted({one for one in service.addresses if ":" in one}, key=_far_first)
    usable = [*(four if ip_version != "v6" else ()), *(six if ip_version != "v4" else ())]
    if not usable or not service.port:
        return TargetGroup(source)
    host = usable[0]
    labels = {
        "__address__": f"[{host}]:{service.port}" if ":" in host else f"{host}:{service.port}",
        f"{PREFIX}name": service.name.removesuffix(f".{service.type}"),
        f"{PREFIX}type": service.type.removesuffix(".").removesuffix(".local"),
        f"{PREFIX}domain": "local",
        f"{PREFIX}server": service.server.removesuffix("."),
        f"{PREFIX}address": host,
        f"{PREFIX}port": str(service.port),
    }
    for name, addresses in (("ipv4_addresses", four), ("ipv6_addresses", six)):
        if addresses:
            labels[f"{PREFIX}{name}"] = f",{','.join(addresses)},"
    return TargetGroup(source, (labels | _txt(service.txt),))


def _txt(txt: Mapping[bytes, bytes | None]) -> dict[str, str]:
    """A key's presence may be all that it says (RFC 6763 §6.4), so that has a label of its own."""
    labels = {}
    for key, value in txt.items():
        name = sanitize_label_name(key.decode("utf-8", "replace"))
        labels[f"{PREFIX}txtpresent_{name}"] = "true"
        labels[f"{PREFIX}txt_{name}"] = (value or b"").decode("utf-8", "replace")
    return labels


def _far_first(address: str) -> tuple[bool, IPv6Address]:
    parsed = IPv6Address(address)
    return parsed.is_link_local, parsed
