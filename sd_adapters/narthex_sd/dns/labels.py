"""From DNS records to targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from narthex.model.targetgroup import TargetGroup

__all__ = ["Record", "group_of"]


@dataclass(frozen=True, slots=True)
class Record:
    """What matters of one record: its type, the address or name it holds (a name with its last dot), an SRV's port."""

    type: str
    host: str
    port: int = 0


def group_of(name: str, records: Sequence[Record], port: int) -> TargetGroup:
    """A target for each record; ``port`` is for those that have none of their own.

    A record that says there is no such service (SRV and MX with the root as target: RFC 2782, RFC 7505) names none.
    """
    return TargetGroup(name, tuple(_target(name, one, port) for one in records if one.host != "."))


def _target(name: str, record: Record, port: int) -> Mapping[str, str]:
    number = record.port if record.type == "SRV" else port
    host = record.host.removesuffix(".")
    return {
        "__address__": f"[{host}]:{number}" if ":" in host else f"{host}:{number}",
        "__meta_dns_name": name,
        "__meta_dns_srv_record_target": record.host if record.type == "SRV" else "",
        "__meta_dns_srv_record_port": str(record.port) if record.type == "SRV" else "",
        "__meta_dns_mx_record_target": record.host if record.type == "MX" else "",
        "__meta_dns_ns_record_target": record.host if record.type == "NS" else "",
    }
