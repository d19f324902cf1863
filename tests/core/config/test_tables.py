from dataclasses import dataclass

import pytest

from narthex.config.load import parse_config
from narthex.errors import ConfigError
from narthex.kinds import DiscoveryKind
from narthex.plugins.catalog import Catalog, Contribution, Origin


@dataclass(frozen=True)
class Empty:
    pass


def test_a_kind_whose_packages_are_missing_says_how_to_install_them():
    kind = DiscoveryKind("cloud", Empty, lambda *_: None, requires=("no_such_package_xyz",), extra="cloud")
    catalog = Catalog(discovery={"cloud": Contribution(kind, Origin("cloud", "cloud-dist", "2.0"))})
    with pytest.raises(ConfigError) as caught:
        parse_config("scrape_configs: [{job_name: a, cloud_sd_configs: [{}]}]", "p.yml", catalog)
    assert caught.value.problems[0].message == (
        "cloud of plugin cloud (cloud-dist 2.0) needs no_such_package_xyz (pip install 'cloud-dist[cloud]')"
    )
