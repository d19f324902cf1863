"""From Consul's answers to target groups: pure functions, labels as Prometheus names them (reference §2.3).

Nothing is filtered here: instances that are not healthy are targets like all others, with their health in a label.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from narthex.config.names import sanitize_label_name
from narthex.errors import DiscoveryError
from narthex.model.targetgroup import TargetGroup
from narthex_sd.consul.config import ConsulConfig

__all__ = ["aggregated_health", "needs_catalog", "target_group", "wanted_services"]

_META = "__meta_consul_"
_NODE_MAINTENANCE = "_node_maintenance"
_SERVICE_MAINTENANCE = "_service_maintenance:"
_WORST_FIRST = ("critical", "warning", "passing")


def needs_catalog(config: ConsulConfig) -> bool:
    """Whether the catalog has to be watched to know which services there are."""
    return not config.services or bool(config.tags) or bool(config.filter)


def wanted_services(config: ConsulConfig, catalog: Any) -> frozenset[str]:
    """The services of a catalog answer (name to tags) that the configuration names, by name and by all tags.

    Raises ``DiscoveryError`` for an answer of another shape.
    """
    if not isinstance(catalog, Mapping):
        raise DiscoveryError(f"the catalog is {_sort(catalog)}, expected an object of services")
    services, tags = frozenset(config.services), frozenset(config.tags)
    found = (catalog.keys() & services) if services else catalog.keys()
    own = {name: frozenset(_texts(catalog[name], name, "tags")) for name in found}
    return frozenset(name for name in found if tags <= own[name])


def target_group(
    service: str, datacenter: str, separator: str, instances: Any, skipped: list[str] | None = None
) -> TargetGroup:
    """The group of one service, from the answer of the health endpoint; its source is the service's name.

    Raises ``DiscoveryError`` for an answer of another shape: part of a service is not published. With ``skipped`` bad
    instances are left out, unless all are bad, and what is wrong with them is added there.
    """
    if instances is None:
        instances = ()
    if not isinstance(instances, Sequence) or isinstance(instances, str):
        raise DiscoveryError(f"service {service!r}: the answer is {_sort(instances)}, expected a list of instances")
    targets = []
    for number, one in enumerate(instances):
        try:
            targets.append(_target(one, separator, f"service {service!r}, instance {number}"))
        except DiscoveryError as error:
            if skipped is None:
                raise
            skipped.append(str(error))
    if skipped and not targets:
        raise DiscoveryError(skipped[0])
    return TargetGroup(service, tuple(targets), {f"{_META}service": service, f"{_META}dc": datacenter})


def aggregated_health(checks: Iterable[Mapping[str, Any]]) -> str:
    """The worst state of all checks; maintenance of node or service is worse than any.

    Empty where a check has a state that Consul does not document; without checks an instance is passing.
    """
    states = set()
    for check in checks:
        name = str(check.get("CheckID", ""))
        if name == _NODE_MAINTENANCE or name.startswith(_SERVICE_MAINTENANCE):
            states.add("maintenance")
        elif check.get("Status") in _WORST_FIRST:
            states.add(check["Status"])
        else:
            return ""
    if "maintenance" in states:
        return "maintenance"
    return next((state for state in _WORST_FIRST if state in states), "passing")


def _target(instance: Any, separator: str, place: str) -> dict[str, str]:
    node = _object(_object(instance, place).get("Node"), f"{place}: Node")
    service = _object(instance.get("Service"), f"{place}: Service")
    own, host = _text(service, "Address", place), _text(node, "Address", place)
    port = service.get("Port", 0)
    if type(port) is not int:
        raise DiscoveryError(f"{place}: Port is {_sort(port)}, expected a number")
    tags = separator.join(map(_whole, _texts(service.get("Tags"), place, "Tags")))
    labels = {
        "__address__": f"{_bracketed(own or host)}:{port}",
        f"{_META}address": host,
        f"{_META}node": _text(node, "Node", place),
        f"{_META}namespace": _text(service, "Namespace", place),
        f"{_META}partition": _text(service, "Partition", place),
        f"{_META}tags": f"{separator}{tags}{separator}",
        f"{_META}service_address": own,
        f"{_META}service_port": str(port),
        f"{_META}service_id": _text(service, "ID", place),
        f"{_META}health": aggregated_health(_checks(instance.get("Checks"), place)),
    }
    labels.update(_family("metadata", node.get("Meta"), f"{place}: node's Meta"))
    labels.update(_family("service_metadata", service.get("Meta"), f"{place}: service's Meta"))
    labels.update(_family("tagged_address", node.get("TaggedAddresses"), f"{place}: TaggedAddresses"))
    return labels


def _family(family: str, values: Any, place: str) -> Iterable[tuple[str, str]]:
    """One label for each key, in order of the keys, so that it is always the same one that wins a shared name."""
    if values is None:
        return
    for key in sorted(_object(values, place)):
        yield f"{_META}{family}_{sanitize_label_name(key)}", _text(values, key, place)


def _checks(value: Any, place: str) -> Sequence[Mapping[str, Any]]:
    if value is None:
        return ()
    if not isinstance(value, Sequence) or not all(isinstance(one, Mapping) for one in value):
        raise DiscoveryError(f"{place}: Checks is {_sort(value)}, expected a list of objects")
    return value


def _texts(value: Any, place: str, what: str) -> Sequence[str]:
    if value is None:
        return ()
    if not isinstance(value, Sequence) or isinstance(value, str) or not all(isinstance(one, str) for one in value):
        raise DiscoveryError(f"{place}: {what} is {_sort(value)}, expected a list of texts")
    return value


def _text(section: Mapping[str, Any], key: str, place: str) -> str:
    value = section.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise DiscoveryError(f"{place}: {key} is {_sort(value)}, expected text")
    return _whole(value)


def _whole(text: str) -> str:
    """Half a surrogate pair, which JSON can escape and no label can hold, becomes U+FFFD, as when Go reads it."""
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _object(value: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise DiscoveryError(f"{place} is {_sort(value)}, expected an object")
    return value


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _sort(value: object) -> str:
    return "null" if value is None else type(value).__name__
