"""Claims the name that acme-rooms has."""

from dataclasses import dataclass

from narthex import hookimpl
from narthex.kinds import DiscoveryKind


@dataclass(frozen=True)
class Config:
    room: str = ""


@hookimpl
def narthex_discovery_kinds():
    return [DiscoveryKind(name="rooms", config=Config, build=lambda config, context: None)]
