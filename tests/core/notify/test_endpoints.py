from collections.abc import Mapping

from narthex.config.relabel import RelabelConfig
from narthex.config.sections import AlertmanagerConfig
from narthex.model.targetgroup import TargetGroup
from narthex.notify.endpoints import endpoints
from narthex.plugins.catalog import Catalog, Contribution, Origin
from narthex.relabel.rules import Rules, compile_rules
from narthex_plugins.relabel_actions import narthex_relabel_actions

ORIGIN = Origin("relabel", "narthex", "0")
CATALOG = Catalog(relabel={kind.name: Contribution(kind, ORIGIN) for kind in narthex_relabel_actions()})


def group(*addresses: str, labels: Mapping[str, str] | None = None) -> TargetGroup:
    return TargetGroup("0", tuple({"__address__": address} for address in addresses), labels or {})


def test_an_address_becomes_the_url_of_api_version_2() -> None:
    found = endpoints(AlertmanagerConfig(), [group("127.0.0.1:9093")], Rules())
    assert found.active == ("http://127.0.0.1:9093/api/v2/alerts",)


def test_scheme_and_path_prefix_come_from_the_configuration_and_group_labels_replace_them() -> None:
    config = AlertmanagerConfig(scheme="https", path_prefix="/am/")
    assert endpoints(config, [group("a:1")], Rules()).active == ("https://a:1/am/api/v2/alerts",)
    replaced = group("a:1", labels={"__scheme__": "http", "__alerts_path__": "/other"})
    assert endpoints(config, [replaced], Rules()).active == ("http://a:1/other",)


def test_the_same_url_twice_is_one_alertmanager() -> None:
    assert len(endpoints(AlertmanagerConfig(), [group("a:1", "a:1"), group("a:1")], Rules()).active) == 1


def test_relabeling_drops_and_shows_what_it_dropped() -> None:
    rules = compile_rules([RelabelConfig(source_labels=("__address__",), regex="b.*", action="drop")], CATALOG)
    found = endpoints(AlertmanagerConfig(), [group("a:1", "b:1")], rules)
    assert found.active == ("http://a:1/api/v2/alerts",)
    assert found.dropped == ("http://b:1/api/v2/alerts",)


def test_one_bad_address_discards_its_group_only_and_says_why() -> None:
    found = endpoints(AlertmanagerConfig(), [group("a:1", "http://b:1"), group("c:1")], Rules())
    assert found.active == ("http://c:1/api/v2/alerts",)
    assert found.errors == ('0: "http://b:1" is not a valid hostname',)
