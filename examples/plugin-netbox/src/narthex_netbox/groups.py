"""From NetBox's objects to target groups: pure functions."""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_interface
from typing import Any

from narthex.config.names import sanitize_label_name
from narthex.errors import DiscoveryError
from narthex.model.targetgroup import TargetGroup
from narthex_netbox import NetboxConfig

SLUGS = {
    "site": "site",
    "role": "role",
    "device_role": "role",  # before NetBox 3.6
    "tenant": "tenant",
    "platform": "platform",
    "cluster": "cluster",
    "rack": "rack",
}
"""Fields that refer to other objects, and the labels they become: their slug, or name where they have none."""


def groups_of(objects: Iterable[Mapping[str, Any]], config: NetboxConfig) -> list[TargetGroup]:
    """A group for each object that has the address that is wanted.

    Raises ``DiscoveryError`` for the whole list where an object is not what NetBox documents.
    """
    try:
        return [group for one in objects if (group := _group(one, config)) is not None]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DiscoveryError(f"an object cannot be used: {type(error).__name__}: {error}") from error


def _group(one: Mapping[str, Any], config: NetboxConfig) -> TargetGroup | None:
    ip = str(ip_interface(one["primary_ip"]["address"]).ip) if one.get("primary_ip") else ""
    host = ip if config.address == "primary_ip" else one["name"]
    if not host:
        return None  # a rack panel, or a machine that is only planned
    address = f"[{host}]:{config.port}" if ":" in host else f"{host}:{config.port}"
    labels = {f"__meta_netbox_{name}": text for name, text in _labels(one) if text}
    labels["__meta_netbox_kind"] = config.role
    if ip:
        labels["__meta_netbox_primary_ip"] = ip
    return TargetGroup(f"{config.role}/{one['id']}", ({"__address__": address},), labels)


def _labels(one: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "id", str(one["id"])
    yield "name", one["name"] or ""
    yield "status", one["status"]["value"]
    for field, label in SLUGS.items():
        if one.get(field):
            yield label, one[field].get("slug") or one[field]["name"]
    if one.get("tags"):
        yield "tags", f",{','.join(tag['slug'] for tag in one['tags'])},"  # so that a rule can match ,tag,
    for name, value in (one.get("custom_fields") or {}).items():
        yield f"custom_field_{sanitize_label_name(name)}", _text(value)


def _text(value: object) -> str:
    """A custom field: texts, numbers and flags as they are, a choice of several as a list, an object by its name."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f",{','.join(map(_text, value))}," if value else ""
    if isinstance(value, dict):
        return str(value.get("slug") or value.get("name") or value.get("value") or "")
    return "" if value is None else str(value)
