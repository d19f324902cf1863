"""From a service to its target."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.discovery.checks import checked
from narthex_sd.mdns.labels import Service, group

KIND = "_prometheus-http._tcp.local."
ADDRESSES = st.lists(st.ip_addresses().map(str) | st.just("fe80::1%2"), max_size=5)
TXT = st.dictionaries(st.binary(min_size=1, max_size=6), st.none() | st.binary(max_size=6), max_size=5)


def service(*addresses, port=9100, **more):
    return Service(f"One.{KIND}", KIND, "host.local.", port, addresses, **more)


@pytest.mark.parametrize(
    ("addresses", "version", "expected"),
    [
        (("192.0.2.9", "192.0.2.1", "2001:db8::1"), "all", "192.0.2.1:9100"),
        (("192.0.2.9", "2001:db8::1"), "v6", "[2001:db8::1]:9100"),
        (("fe80::1%2", "2001:db8::1"), "all", "[2001:db8::1]:9100"),
        (("fe80::1%2",), "all", "[fe80::1%2]:9100"),
        (("10.0.0.10", "10.0.0.9"), "v4", "10.0.0.9:9100"),
    ],
)
def test_the_address_is_the_one_most_likely_to_work(addresses, version, expected):
    assert group(service(*addresses), version).targets[0]["__address__"] == expected


@pytest.mark.parametrize(
    ("one", "version"),
    [(service(), "all"), (service("192.0.2.1"), "v6"), (service("::1"), "v4"), (service("192.0.2.1", port=0), "all")],
)
def test_where_there_is_nothing_to_connect_to_there_is_no_target(one, version):
    assert group(one, version).is_retraction


def test_the_source_does_not_depend_on_case():
    assert group(service("192.0.2.1"), "all").source == f"one.{KIND}"
    assert group(service("192.0.2.1"), "all").targets[0]["__meta_mdns_name"] == "One"


@given(ADDRESSES, st.integers(0, 65535), TXT, st.sampled_from(["all", "v4", "v6"]))
def test_whatever_is_announced_the_group_is_well_formed(addresses, port, txt, version):
    made = group(service(*addresses, port=port, txt=txt), version)
    checked([made])
    for target in made.targets:
        assert all(name == "__address__" or name.startswith("__meta_mdns_") for name in target)
        host = target["__meta_mdns_address"]
        assert host in addresses
        assert version == "all" or ipaddress.ip_address(host).version == int(version[1])
        "".join(target.values()).encode()
