"""One hook raises, the other is fine."""

from dataclasses import dataclass

from narthex import hookimpl
from narthex.kinds import DiscoveryKind, WebRoute


@dataclass(frozen=True)
class Config:
    room: str = ""


@hookimpl
def narthex_discovery_kinds():
    return [DiscoveryKind(name="steady", config=Config, build=lambda config, context: None)]


@hookimpl
def narthex_web_routes():
    yield WebRoute("GET", "/never", lambda request, server: None)
    raise SystemExit("no routes today")
