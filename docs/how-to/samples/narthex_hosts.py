"""Targets from a text file with one host a line, read again every minute."""

from asyncio import to_thread
from dataclasses import dataclass
from pathlib import Path

from narthex import hookimpl
from narthex.config.types import Duration, FilePath
from narthex.discovery.refresh import refresh
from narthex.kinds import DiscoveryKind
from narthex.model.targetgroup import TargetGroup


@dataclass(frozen=True)
class HostsConfig:
    """One block of ``hosts_sd_configs``."""

    file: FilePath
    port: int = 9100
    refresh_interval: Duration = Duration(60_000)


def build(config, context):
    async def fetch():
        text = await to_thread(Path(config.file).read_text, encoding="utf-8")
        return [TargetGroup(host, ({"__address__": f"{host}:{config.port}"},)) for host in text.split()]

    return refresh(config.refresh_interval, fetch, context)


@hookimpl
def narthex_discovery_kinds():
    return [DiscoveryKind("hosts", HostsConfig, build, summary="Hosts listed in a text file")]
