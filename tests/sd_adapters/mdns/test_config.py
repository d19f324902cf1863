"""The block as configured, and the interfaces that it chooses."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import pytest

from narthex.config.decode import decode_yaml
from narthex.errors import ConfigError
from narthex_sd.mdns import MdnsConfig
from narthex_sd.mdns.interfaces import chosen


def read(text):
    return decode_yaml(MdnsConfig, text, "block.yml")


def test_everything_has_a_default():
    assert read("{}") == MdnsConfig(("_prometheus-http._tcp",), "local", (), "all", MdnsConfig().browse_time)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("service_types: []", "at least one"),
        ("service_types: [_services._dns-sd._udp]", "lists the types"),
        ("service_types: [http]", "expected a service type"),
        ("service_types: [_http._tcp.local]", "expected a service type"),
        ("service_types: [_a-name-that-is-too-long._tcp]", "expected a service type"),
        ("service_types: [_two--hyphens._tcp]", "expected a service type"),
        ("service_types: ['_123._tcp']", "expected a service type"),
        ("domain: example.org", "local"),
        ("ip_version: v5", "v4"),
    ],
)
def test_what_cannot_be_meant_is_refused(text, why):
    with pytest.raises(ConfigError, match=why):
        read(text)


@pytest.mark.parametrize("kind", ["_prometheus-http._tcp", "_http._tcp", "_SSH._tcp", "_a1-b2._udp"])
def test_service_types_as_they_are_registered_are_taken(kind):
    assert read(f"service_types: [{kind}]").service_types == (kind,)


@dataclass
class Ip:
    ip: str | tuple[str, int, int]


@dataclass
class Adapter:
    name: str
    index: int | None
    ips: list[Ip]


ADAPTERS = [
    Adapter("lo", 1, [Ip("127.0.0.1"), Ip(("::1", 0, 0))]),
    Adapter("eth0", 2, [Ip("192.0.2.1"), Ip("192.0.2.2"), Ip(("fe80::1", 0, 2)), Ip(("fe80::2", 0, 2))]),
    Adapter("down", 3, []),
]


@pytest.mark.parametrize(
    ("wanted", "version", "expected"),
    [
        ((), "all", ["127.0.0.1", "192.0.2.1", "192.0.2.2", 2]),
        ((), "v4", ["127.0.0.1", "192.0.2.1", "192.0.2.2"]),
        ((), "v6", [2]),
        (("lo",), "v6", []),
        (("eth0",), "all", ["192.0.2.1", "192.0.2.2", 2]),
        (("192.0.2.2",), "all", ["192.0.2.2"]),
        (("fe80::2",), "all", [2]),
        (("down", "nowhere"), "all", []),
    ],
)
def test_interfaces_are_chosen_by_name_address_and_version(wanted, version, expected):
    assert chosen(ADAPTERS, wanted, version) == expected


def test_the_library_is_imported_only_when_it_is_used():
    code = "import sys, narthex_sd.mdns as one; one.narthex_discovery_kinds(); sys.exit('zeroconf' in sys.modules)"
    environment = {"PYTHONPATH": ":".join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
