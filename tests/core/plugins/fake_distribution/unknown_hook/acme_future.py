"""Written for a Narthex that has one more hook."""

from dataclasses import dataclass

from narthex import hookimpl
from narthex.kinds import DiscoveryKind


@dataclass(frozen=True)
class Config:
    room: str = ""


@hookimpl
def narthex_discovery_kinds():
    return [DiscoveryKind(name="future", config=Config, build=lambda config, context: None)]


@hookimpl
def narthex_discovery_kind():
    return []
