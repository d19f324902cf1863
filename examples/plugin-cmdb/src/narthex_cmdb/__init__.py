"""Targets from a CMDB: every exporter of every host that its REST API lists for an environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from aiohttp import ClientSession, ClientTimeout

from narthex import hookimpl
from narthex.config.types import Duration, Secret, Url
from narthex.discovery.refresh import refresh
from narthex.kinds import BuildContext, Discoverer, DiscoveryKind
from narthex.model.targetgroup import TargetGroup


@dataclass(frozen=True)
class CmdbConfig:
    """One block of ``cmdb_sd_configs``."""

    url: Url
    token: Secret | None = None
    environment: str = "production"
    refresh_interval: Duration = Duration(60_000)


def group_of(host: Mapping[str, Any]) -> TargetGroup:
    """One host: a target for each exporter, and what the CMDB knows about the host as labels."""
    labels = {f"__meta_cmdb_{key}": host[key] for key in ("name", "site", "owner")}
    labels["__meta_cmdb_tags"] = f",{','.join(host['tags'])},"  # so that a rule can match ,tag,
    targets = tuple(
        {"__address__": f"{host['address']}:{port}", "__meta_cmdb_exporter": exporter}
        for exporter, port in host["exporters"].items()
    )
    return TargetGroup(host["name"], targets, labels)


async def fetch(config: CmdbConfig) -> list[TargetGroup]:
    """Ask once. Whatever is raised is reported by Narthex, and the targets known so far stay."""
    headers = {"Authorization": f"Bearer {config.token.reveal()}"} if config.token else {}
    async with (
        ClientSession(timeout=ClientTimeout(total=30), headers=headers, raise_for_status=True) as session,
        session.get(config.url, params={"environment": config.environment}) as answer,
    ):
        return [group_of(host) for host in await answer.json()]


def build(config: CmdbConfig, context: BuildContext) -> Discoverer:
    """A discoverer that asks again and again."""
    return refresh(config.refresh_interval, partial(fetch, config), context)


@hookimpl
def narthex_discovery_kinds() -> list[DiscoveryKind]:
    """Makes ``cmdb_sd_configs`` known."""
    return [DiscoveryKind("cmdb", CmdbConfig, build, summary="Hosts and exporters of a CMDB with a REST API")]
