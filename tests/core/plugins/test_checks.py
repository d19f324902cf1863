from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from narthex.kinds import (
    Command,
    DiscoveryKind,
    PromqlFunction,
    ReceiverKind,
    RelabelAction,
    ScrapeKind,
    StorageKind,
    TemplateFunction,
    WebRoute,
)
from narthex.plugins.checks import check


@dataclass(frozen=True)
class Config:
    room: str = ""


@dataclass
class Loose:
    room: str = ""


@dataclass(frozen=True, eq=False)
class Incomparable:
    room: str = ""


async def coroutine(*arguments):
    return None


def plain(*arguments):
    return None


DISCOVERY = DiscoveryKind("rooms", Config, plain)
ACTION = RelabelAction("reverse", plain)
SCRAPE = ScrapeKind("csv", (("Csv1", "text/csv"),), ("text/csv",), plain)
STORAGE = StorageKind("lake", Config, plain)
RECEIVER = ReceiverKind("pager", Config, plain)
ROUTE = WebRoute("GET", "/rooms", coroutine)
COMMAND = Command("lake-tools", plain)
VALUES = PromqlFunction("logit", ("vector", "scalar"), plain)
WINDOWS = PromqlFunction("spread", ("scalar", "matrix"), plain, over="windows")
CALL = PromqlFunction("now_in", ("string",), plain, over="call", returns="scalar", variadic=-1)
TEMPLATE = TemplateFunction("runBook", plain, ("string",))


@pytest.mark.parametrize(
    "kind", [DISCOVERY, ACTION, SCRAPE, STORAGE, RECEIVER, ROUTE, COMMAND, VALUES, WINDOWS, CALL, TEMPLATE]
)
def test_a_sound_kind_passes(kind):
    assert check(kind, type(kind)) == ""


@pytest.mark.parametrize(
    ("kind", "changes", "complaint"),
    [
        (VALUES, {"name": "Logit"}, "bad name"),
        (VALUES, {"name": "rate"}, "a name of the language itself"),
        (VALUES, {"name": "topk"}, "a name of the language itself"),
        (VALUES, {"compute": coroutine}, "an async compute"),
        (VALUES, {"args": ["vector"]}, "args that are not a tuple of scalar, vector, matrix, string"),
        (VALUES, {"args": ("vektor",)}, "args that are not a tuple"),
        (VALUES, {"args": ("scalar", "vector")}, "its first argument is the vector"),
        (VALUES, {"args": ("vector", "string")}, "takes one vector, and scalars"),
        (VALUES, {"args": ()}, "takes one vector, and scalars"),
        (VALUES, {"args": ("vector",), "variadic": 1}, "only a scalar may be optional"),
        (VALUES, {"over": "everything"}, "has over 'everything', expected one of values, windows, call"),
        (VALUES, {"returns": "scalar"}, "so it returns a vector"),
        (VALUES, {"variadic": -2}, "has a variadic that"),
        (WINDOWS, {"args": ("matrix", "matrix")}, "takes one matrix, and scalars"),
        (CALL, {"args": ()}, "has a variadic that"),
        (CALL, {"returns": "string"}, "has returns 'string', expected vector or scalar"),
        (TEMPLATE, {"name": "run-book"}, "bad name"),
        (TEMPLATE, {"name": "toUpper"}, "a name of the language itself"),
        (TEMPLATE, {"params": ["string"]}, "params that are not a tuple"),
        (TEMPLATE, {"rest": None}, "rest that is not a type name"),
        (TEMPLATE, {"call": 7}, "a call that cannot be called"),
        (DISCOVERY, {"name": ""}, "bad name"),
        (DISCOVERY, {"name": "Rooms"}, "bad name"),
        (DISCOVERY, {"name": "rooms-2"}, "bad name"),
        (DISCOVERY, {"name": "2rooms"}, "bad name"),
        (DISCOVERY, {"name": "rooms\n"}, "bad name"),
        (DISCOVERY, {"name": 7}, "bad name"),
        (DISCOVERY, {"name": "rooms_sd"}, "leave out the suffix"),
        (DISCOVERY, {"name": "static"}, "must set merge"),
        (DISCOVERY, {"config": {"room": ""}}, "expected a dataclass"),
        (DISCOVERY, {"config": Config()}, "expected a dataclass"),
        (DISCOVERY, {"config": dict}, "expected a dataclass"),
        (DISCOVERY, {"config": Loose}, "not frozen"),
        (DISCOVERY, {"config": Incomparable}, "does not compare by value"),
        (DISCOVERY, {"build": None}, "build that cannot be called"),
        (DISCOVERY, {"build": coroutine}, "async build"),
        (DISCOVERY, {"requires": "boto3"}, "tuple of package names"),
        (DISCOVERY, {"requires": (1,)}, "tuple of package names"),
        (DISCOVERY, {"extra": None}, "extra"),
        (DISCOVERY, {"stability": "beta"}, "stability 'beta'"),
        (DISCOVERY, {"summary": None}, "summary"),
        (ACTION, {"name": "re verse"}, "bad name"),
        (ACTION, {"compile": coroutine}, "async compile"),
        (ACTION, {"check": 1}, "check that cannot be called"),
        (ACTION, {"columns": ()}, "columns that cannot be called"),
        (SCRAPE, {"name": "CSV"}, "bad name"),
        (SCRAPE, {"parse": coroutine}, "async parse"),
        (SCRAPE, {"timestamp": True}, "timestamp that cannot be called"),
        (SCRAPE, {"configured": coroutine}, "async configured"),
        (SCRAPE, {"protocols": "Csv1"}, "protocols"),
        (SCRAPE, {"protocols": (("Csv1",),)}, "protocols"),
        (SCRAPE, {"media_types": ("Text/CSV",)}, "media_types"),
        (SCRAPE, {"media_types": ("text/csv; version=1",)}, "media_types"),
        (STORAGE, {"build": coroutine}, "async build"),
        (STORAGE, {"read": coroutine}, "async read"),
        (RECEIVER, {"config": Loose}, "not frozen"),
        (COMMAND, {"name": "Lake"}, "bad name"),
        (COMMAND, {"name": "check"}, "name of a command of the core"),
        (COMMAND, {"build": coroutine}, "async build"),
        (ROUTE, {"method": "get"}, "method 'get'"),
        (ROUTE, {"path": "rooms"}, "does not start with /"),
        (ROUTE, {"path": None}, "does not start with /"),
        (ROUTE, {"path": "/api/v1/query"}, "takes a path of the core (/api/v1/query)"),
        (ROUTE, {"handle": "page"}, "handle that cannot be called"),
    ],
)
def test_what_is_wrong_is_said(kind, changes, complaint):
    found = check(replace(kind, **changes), type(kind))
    assert complaint in found
    assert found.startswith(type(kind).__name__)


def test_a_kind_of_another_stage_is_refused():
    assert check(STORAGE, DiscoveryKind).endswith("expected a DiscoveryKind")


def test_static_is_a_name_like_any_other_when_it_merges():
    kind = replace(DISCOVERY, name="static", merge=True)
    assert check(kind, DiscoveryKind) == ""
    assert kind.key == "static_configs"
    assert DISCOVERY.key == "rooms_sd_configs"


def test_a_format_may_have_a_hyphen_in_its_name():
    assert check(replace(SCRAPE, name="comma-separated"), ScrapeKind) == ""
