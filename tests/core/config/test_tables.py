from dataclasses import dataclass, replace

import pytest

from narthex.config.load import parse_config
from narthex.errors import ConfigError
from narthex.kinds import DiscoveryKind, RelabelAction
from narthex.plugins.catalog import Catalog, Contribution, Origin

ORIGIN = Origin("cloud", "cloud-dist", "2.0")


@dataclass(frozen=True)
class Empty:
    pass


@dataclass(frozen=True)
class Unreadable:
    names: set[int]


@dataclass(frozen=True)
class Raising:
    def check(self):
        raise RuntimeError("no luck")


def unused(*_):
    raise AssertionError("the loader builds nothing")


def problem_with(kind):
    catalog = Catalog(discovery={"cloud": Contribution(kind, ORIGIN)})
    with pytest.raises(ConfigError) as caught:
        parse_config("scrape_configs: [{job_name: a, cloud_sd_configs: [{}]}]", "p.yml", catalog)
    (only,) = caught.value.problems
    return only.message


def test_a_kind_whose_packages_are_missing_says_how_to_install_them():
    kind = DiscoveryKind("cloud", Empty, unused, requires=("no_such_package_xyz",), extra="cloud")
    assert problem_with(kind) == (
        "cloud of plugin cloud (cloud-dist 2.0) needs no_such_package_xyz (pip install 'cloud-dist[cloud]')"
    )


def test_a_kind_with_an_unreadable_config_is_named():
    assert problem_with(DiscoveryKind("cloud", Unreadable, unused)) == (
        "cloud of plugin cloud (cloud-dist 2.0) has a config that cannot be read: "
        "set[int] is no type for a field of a configuration dataclass"
    )


def test_a_config_whose_check_raises_is_named():
    message = problem_with(DiscoveryKind("cloud", Raising, unused))
    assert message.startswith("the check of ")
    assert message.endswith("Raising failed: RuntimeError: no luck")


def test_an_action_whose_check_raises_is_named(catalog):
    def check(_rule, _legacy):
        raise KeyError("x")

    broken = replace(catalog, relabel={"odd": Contribution(RelabelAction("odd", unused, check=check), ORIGIN)})
    with pytest.raises(ConfigError) as caught:
        parse_config("alerting: {alert_relabel_configs: [{action: odd}]}", "p.yml", broken)
    assert str(caught.value) == (
        "p.yml:1:45: alerting.alert_relabel_configs[0].action: "
        "the check of action odd of plugin cloud (cloud-dist 2.0) failed: KeyError: 'x'"
    )
