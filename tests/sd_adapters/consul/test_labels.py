from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.discovery.checks import checked
from narthex.errors import DiscoveryError
from narthex_sd.consul import ConsulConfig
from narthex_sd.consul.labels import aggregated_health, needs_catalog, target_group, wanted_services


def instance(node=None, service=None, checks=None):
    return {
        "Node": {"Address": "10.0.0.1", **(node or {})},
        "Service": {"Port": 80, **(service or {})},
        "Checks": checks,
    }


def labels(*args, separator=",", **kwargs):
    group = target_group("web", "dc1", separator, [instance(*args, **kwargs)])
    return dict(group.targets[0])


@pytest.mark.parametrize(
    ("node", "service", "address"),
    [
        ("10.0.0.1", "", "10.0.0.1:80"),
        ("10.0.0.1", "10.0.0.2", "10.0.0.2:80"),
        ("fd00::1", "", "[fd00::1]:80"),
        ("10.0.0.1", "fd00::2", "[fd00::2]:80"),
        ("10.0.0.1", "web.example", "web.example:80"),
    ],
)
def test_the_address_is_the_services_or_else_the_nodes(node, service, address):
    found = labels({"Address": node}, {"Address": service})
    assert found["__address__"] == address
    assert found["__meta_consul_address"] == node
    assert found["__meta_consul_service_address"] == service


@pytest.mark.parametrize(
    ("tags", "separator", "joined"),
    [(["a", "b"], ",", ",a,b,"), (["a"], "|", "|a|"), ([], ",", ",,"), (None, ",", ",,"), (["a"], "", "a")],
)
def test_tags_are_wrapped_on_both_ends(tags, separator, joined):
    assert labels(service={"Tags": tags}, separator=separator)["__meta_consul_tags"] == joined


def test_keys_become_label_names():
    found = labels(
        {"Meta": {"rack.name": "1", "größe": "XL"}, "TaggedAddresses": {"wan-ipv4": "1.2.3.4"}},
        {"Meta": {"9lives": "cat"}},
    )
    assert found["__meta_consul_metadata_rack_name"] == "1"
    assert found["__meta_consul_metadata_gr__e"] == "XL"
    assert found["__meta_consul_tagged_address_wan_ipv4"] == "1.2.3.4"
    assert found["__meta_consul_service_metadata_9lives"] == "cat"


def test_of_keys_that_become_one_name_the_last_in_order_wins_however_they_arrive():
    for keys in (["a.b", "a-b"], ["a-b", "a.b"]):
        assert labels({"Meta": {key: key for key in keys}})["__meta_consul_metadata_a_b"] == "a.b"


def test_what_no_label_can_hold_is_replaced_as_go_does():
    found = labels({"Node": "a\ud800b", "Meta": {"k": "\udfff"}}, {"Tags": ["é\ud800"], "ID": "\U0001f600"})
    assert found["__meta_consul_node"] == "a\ufffdb"
    assert found["__meta_consul_metadata_k"] == "\ufffd"
    assert found["__meta_consul_tags"] == ",é\ufffd,"
    assert found["__meta_consul_service_id"] == "\U0001f600"


@pytest.mark.parametrize(
    ("checks", "health"),
    [
        ([], "passing"),
        (["passing", "passing"], "passing"),
        (["passing", "warning"], "warning"),
        (["warning", "critical", "passing"], "critical"),
        (["critical", "odd"], ""),
    ],
)
def test_health_is_the_worst_of_all_checks(checks, health):
    assert aggregated_health([{"CheckID": "x", "Status": one} for one in checks]) == health


@pytest.mark.parametrize("identifier", ["_node_maintenance", "_service_maintenance:web-1"])
def test_maintenance_is_worse_than_any_state(identifier):
    checks = [{"CheckID": identifier, "Status": "critical"}, {"CheckID": "x", "Status": "critical"}]
    assert aggregated_health(checks) == "maintenance"


def test_instances_that_are_not_healthy_are_targets():
    assert labels(checks=[{"CheckID": "x", "Status": "critical"}])["__meta_consul_health"] == "critical"


@pytest.mark.parametrize(
    "answer",
    [
        {},
        "text",
        [None],
        [{}],
        [{"Node": {}, "Service": None}],
        [instance({"Address": 1})],
        [instance({"Meta": {"a": 1}})],
        [instance({"Meta": ["a"]})],
        [instance(service={"Tags": "a"})],
        [instance(service={"Tags": [1]})],
        [instance(service={"Port": "80"})],
        [instance(service={"Port": True})],
        [instance(checks={})],
        [instance(checks=[None])],
    ],
)
def test_an_answer_of_another_shape_is_refused_as_a_whole(answer):
    with pytest.raises(DiscoveryError, match="service 'web'"):
        target_group("web", "dc1", ",", answer if not isinstance(answer, list) else [instance(), *answer])


def test_bad_instances_may_be_left_out():
    skipped: list[str] = []
    group = target_group("web", "dc1", ",", [instance(), instance({"Address": 1}), None], skipped)
    assert len(group.targets) == 1
    assert skipped == [
        "service 'web', instance 1: Address is int, expected text",
        "service 'web', instance 2 is null, expected an object",
    ]


def test_a_service_of_nothing_but_bad_instances_is_refused_all_the_same():
    with pytest.raises(DiscoveryError):
        target_group("web", "dc1", ",", [None], [])
    assert not target_group("web", "dc1", ",", [], []).targets


@pytest.mark.parametrize("catalog", [None, [], "text", {"web": "tag"}, {"web": [1]}])
def test_a_catalog_of_another_shape_is_refused(catalog):
    with pytest.raises(DiscoveryError):
        wanted_services(ConsulConfig(tags=("a",)), catalog)


def test_the_catalog_is_needed_for_what_only_it_can_tell():
    assert needs_catalog(ConsulConfig())
    assert not needs_catalog(ConsulConfig(services=("web",), health_filter="x", node_meta={"a": "b"}))
    assert needs_catalog(ConsulConfig(services=("web",), tags=("a",)))
    assert needs_catalog(ConsulConfig(services=("web",), filter="x"))


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["Node", "Service", "Checks", "Address", "Port", "Tags", "Meta", "Status", "x"]), inner
        )
    ),
    max_leaves=30,
)


@given(json)
def test_whatever_json_says_gives_a_valid_group_or_an_error(answer):
    try:
        group = target_group("web", "dc1", ",", answer)
    except DiscoveryError:
        return
    assert checked([group]) == (group,)


@given(json)
def test_whatever_json_says_gives_services_or_an_error(answer):
    try:
        found = wanted_services(ConsulConfig(tags=("x",)), answer)
    except DiscoveryError:
        return
    assert found <= set(answer)
