"""Keys that the installed plugins define: ``<kind>_sd_configs``, ``<kind>_configs`` of receivers, storage kinds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from narthex.config.decode import reader_of, section_keys
from narthex.config.scrape import DiscoveryConfig, discovery_key
from narthex.config.sections import ReceiverKindConfig, StorageChoice
from narthex.config.session import KeyTable, suggestion
from narthex.plugins.catalog import Catalog, Contribution
from narthex.plugins.extras import missing

__all__ = ["PROMETHEUS_DISCOVERY", "tables_of"]

PROMETHEUS_DISCOVERY = frozenset(
    {
        *("aws", "azure", "consul", "digitalocean", "dns", "docker", "dockerswarm", "ec2", "ecs", "elasticache"),
        *("eureka", "file", "gce", "hetzner", "http", "ionos", "kubernetes", "kuma", "lightsail", "linode"),
        *("marathon", "msk", "nerve", "nomad", "oci", "openstack", "outscale", "ovhcloud", "puppetdb", "rds"),
        *("scaleway", "serverset", "stackit", "static", "triton", "uyuni", "vultr"),
    }
)
"""Every discovery mechanism that Prometheus 3.14 knows by name (reference §2.2)."""


def tables_of(catalog: Catalog) -> Mapping[str, KeyTable]:
    """The open keys that ``catalog`` defines, by the name that fields refer to."""
    return {
        "discovery": _DiscoveryKeys(catalog),
        "receivers": _ReceiverKeys(catalog),
        "storage": _StorageKeys(catalog),
    }


def _config_of(found: Contribution[Any]) -> Any:
    """The config type of a kind. Raises ``ValueError`` where the kind cannot be used, saying whose it is and why."""
    whose = f"{found.kind.name} of plugin {found.origin}"
    if lack := missing(found):
        raise ValueError(f"{whose} {lack}")
    try:
        reader_of(found.kind.config)
        section_keys(found.kind.config)
    except (TypeError, NameError) as error:
        raise ValueError(f"{whose} has a config that cannot be read: {error}") from error
    return found.kind.config


def _blocks_of(found: Contribution[Any]) -> Any:
    config: Any = _config_of(found)
    return tuple[config, ...]


@dataclass(frozen=True, slots=True)
class _DiscoveryKeys:
    """Each block of a kind becomes a :class:`DiscoveryConfig`; the blocks of a merging kind become one together."""

    catalog: Catalog

    def _kind_of(self, key: str) -> str:
        return "static" if key == "static_configs" else key.removesuffix("_sd_configs")

    def type_of(self, key: str) -> Any:
        kind = self._kind_of(key)
        if discovery_key(kind) != key:
            return None
        found = self.catalog.discovery.get(kind)
        if found is not None:
            return _blocks_of(found)
        if kind in PROMETHEUS_DISCOVERY:
            raise ValueError(
                f"discovery kind {kind!r} is not installed: Prometheus has it, but no plugin here provides it"
            )
        hint = suggestion(key, {*self.names(), *map(discovery_key, PROMETHEUS_DISCOVERY)})
        raise ValueError(f"unknown key {key!r}: no plugin here provides a discovery kind {kind!r}{hint}")

    def names(self) -> Iterable[str]:
        return map(discovery_key, self.catalog.discovery)

    def gather(self, values: list[tuple[str, Any]]) -> tuple[DiscoveryConfig, ...]:
        found: list[DiscoveryConfig] = []
        for key, configs in values:
            kind = self._kind_of(key)
            if self.catalog.discovery[kind].kind.merge:
                found.extend([DiscoveryConfig(kind, configs)] if configs else [])
            else:
                found.extend(DiscoveryConfig(kind, one) for one in configs)
        return tuple(found)


@dataclass(frozen=True, slots=True)
class _ReceiverKeys:
    """``<kind>_configs`` of a receiver of the ``narthex`` section."""

    catalog: Catalog

    def type_of(self, key: str) -> Any:
        found = self.catalog.receivers.get(key.removesuffix("_configs")) if key.endswith("_configs") else None
        return None if found is None else _blocks_of(found)

    def names(self) -> Iterable[str]:
        return (f"{kind}_configs" for kind in self.catalog.receivers)

    def gather(self, values: list[tuple[str, Any]]) -> tuple[ReceiverKindConfig, ...]:
        return tuple(
            ReceiverKindConfig(key.removesuffix("_configs"), one) for key, configs in values for one in configs
        )


@dataclass(frozen=True, slots=True)
class _StorageKeys:
    """``narthex.storage``: the one key is the kind."""

    catalog: Catalog

    def type_of(self, key: str) -> Any:
        found = self.catalog.storage.get(key)
        return None if found is None else _config_of(found)

    def names(self) -> Iterable[str]:
        return self.catalog.storage

    def gather(self, values: list[tuple[str, Any]]) -> StorageChoice:
        if len(values) > 1:
            raise ValueError(f"only one storage kind can be used, here are {', '.join(key for key, _ in values)}")
        return StorageChoice(*values[0])
