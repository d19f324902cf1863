"""An instance of a service, and how Consul shows it: to who asks for its health, and to filters of the catalog."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Instance", "catalog_entry", "health_entry"]


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance of a service, on its node. ``checks`` maps the id of a check to its state.

    ``service_address`` is empty where the node's address serves; ``id`` empty means the service's name and the node's.
    """

    node: str = "node1"
    address: str = "127.0.0.1"
    port: int = 80
    service_address: str = ""
    id: str = ""
    tags: tuple[str, ...] = ()
    meta: Mapping[str, str] = field(default_factory=dict)
    node_meta: Mapping[str, str] = field(default_factory=dict)
    tagged_addresses: Mapping[str, str] = field(default_factory=dict)
    checks: Mapping[str, str] = field(default_factory=lambda: {"serfHealth": "passing"})
    datacenter: str = ""
    namespace: str = ""
    partition: str = ""


def health_entry(service: str, one: Instance) -> dict[str, Any]:
    """An instance as the health endpoint shows it; what only the enterprise edition knows is left out where unset."""
    node = {
        "ID": f"00000000-0000-0000-0000-{sum(one.node.encode()):012d}",
        "Node": one.node,
        "Address": one.address,
        "Datacenter": one.datacenter,
        "TaggedAddresses": dict(one.tagged_addresses) or None,
        "Meta": dict(one.node_meta),
    }
    own = {
        "ID": one.id,
        "Service": service,
        "Tags": list(one.tags),
        "Address": one.service_address,
        "Meta": dict(one.meta) or None,
        "Port": one.port,
        "Weights": {"Passing": 1, "Warning": 1},
        "EnableTagOverride": False,
    }
    enterprise = {"Namespace": one.namespace, "Partition": one.partition}
    own |= {key: value for key, value in enterprise.items() if value}
    checks = [
        {"Node": one.node, "CheckID": identifier, "Name": identifier, "Status": status, "ServiceName": service}
        for identifier, status in one.checks.items()
    ]
    return {"Node": node, "Service": own, "Checks": checks}


def catalog_entry(service: str, one: Instance) -> dict[str, Any]:
    """An instance under the names that filters of the catalog use."""
    return {
        "Node": one.node,
        "Address": one.address,
        "Datacenter": one.datacenter,
        "NodeMeta": dict(one.node_meta),
        "TaggedAddresses": dict(one.tagged_addresses),
        "ServiceName": service,
        "ServiceID": one.id,
        "ServiceTags": list(one.tags),
        "ServiceMeta": dict(one.meta),
        "ServiceAddress": one.service_address,
        "ServicePort": one.port,
    }
