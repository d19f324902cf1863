from __future__ import annotations

import pytest
from narthex_netbox import NetboxConfig
from narthex_netbox.groups import groups_of

from narthex.config.types import Url
from narthex.errors import DiscoveryError

DEVICE = {
    "id": 7,
    "name": "web1",
    "status": {"value": "active", "label": "Active"},
    "primary_ip": {"id": 9, "family": 4, "address": "192.0.2.7/24"},
    "site": {"id": 1, "name": "Frankfurt", "slug": "fra"},
    "role": {"id": 2, "name": "Web server", "slug": "web"},
    "tenant": None,
    "platform": {"id": 3, "name": "Debian 12", "slug": "debian-12"},
    "rack": {"id": 4, "name": "R12"},
    "tags": [{"name": "Edge", "slug": "edge"}, {"name": "TLS", "slug": "tls"}],
    "custom_fields": {"exporter-port": 9113, "on call": True, "zones": ["a", "b"], "owner": {"id": 1, "name": "shop"}},
}


def config(**settings):
    return NetboxConfig(Url("http://127.0.0.1"), **settings)


def test_a_device_is_a_target_with_all_that_is_known_about_it():
    (group,) = groups_of([DEVICE], config())
    assert group.source == "device/7"
    assert group.targets == ({"__address__": "192.0.2.7:9100"},)
    assert group.labels == {
        "__meta_netbox_kind": "device",
        "__meta_netbox_id": "7",
        "__meta_netbox_name": "web1",
        "__meta_netbox_status": "active",
        "__meta_netbox_primary_ip": "192.0.2.7",
        "__meta_netbox_site": "fra",
        "__meta_netbox_role": "web",
        "__meta_netbox_platform": "debian-12",
        "__meta_netbox_rack": "R12",
        "__meta_netbox_tags": ",edge,tls,",
        "__meta_netbox_custom_field_exporter_port": "9113",
        "__meta_netbox_custom_field_on_call": "true",
        "__meta_netbox_custom_field_zones": ",a,b,",
        "__meta_netbox_custom_field_owner": "shop",
    }


def test_what_is_not_set_is_no_label():
    bare = {"id": 1, "name": "x", "status": {"value": "planned"}, "primary_ip": {"address": "2001:db8::1/64"}}
    (group,) = groups_of([bare], config(port=9116, role="virtual_machine"))
    assert group.source == "virtual_machine/1"
    assert group.targets == ({"__address__": "[2001:db8::1]:9116"},)
    assert sorted(group.labels) == [
        "__meta_netbox_id", "__meta_netbox_kind", "__meta_netbox_name", "__meta_netbox_primary_ip",
        "__meta_netbox_status",
    ]  # fmt: skip


def test_an_object_without_the_wanted_address_is_no_target():
    unnamed, no_ip = {**DEVICE, "name": None}, {**DEVICE, "primary_ip": None}
    assert groups_of([no_ip], config()) == []
    assert groups_of([unnamed], config(address="name")) == []
    (group,) = groups_of([no_ip], config(address="name"))
    assert group.targets == ({"__address__": "web1:9100"},)


def test_the_name_of_roles_before_netbox_3_6_is_understood():
    old = {**DEVICE, "device_role": {"slug": "router", "name": "Router"}}
    del old["role"]
    assert groups_of([old], config())[0].labels["__meta_netbox_role"] == "router"


@pytest.mark.parametrize("change", [{"status": "active"}, {"primary_ip": {"address": "nowhere"}}, {"tags": ["edge"]}])
def test_an_object_that_is_not_understood_spoils_the_list(change):
    with pytest.raises(DiscoveryError, match="an object cannot be used"):
        groups_of([DEVICE, {**DEVICE, **change}], config())
