"""The action of ``docs/how-to/write-a-relabel-action.md`` does what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest

from narthex.config.load import parse_config
from narthex.errors import ConfigError
from narthex.plugins.host import PluginHost
from narthex.relabel.rules import compile_rules
from narthex_plugins.standard import shipped

SAMPLE = Path(__file__).resolve().parents[2] / "docs/how-to/samples/subnet.yml"


@pytest.fixture
def catalog(sample):
    return PluginHost({**shipped(), "subnet": sample("narthex_subnet")}, scan=False).catalog()


@pytest.mark.parametrize(
    ("address", "length", "subnet"),
    [
        ("10.1.2.3", "24", "10.1.2.0/24"),
        ("10.1.2.3", "16", "10.1.0.0/16"),
        ("2001:db8:1:2::3", "48", "2001:db8:1::/48"),
        ("10.1.2.3", "48", None),
        ("web1", "24", None),
        ("", "24", None),
    ],
)
def test_the_rule_of_the_page_writes_the_network(catalog, address, length, subnet):
    text = SAMPLE.read_text().replace('"24"', f'"{length}"')
    (job,) = parse_config(text, "prometheus.yml", catalog).scrape_configs
    found = compile_rules(job.relabel_configs, catalog).apply({"__meta_ec2_private_ip": address, "subnet": "old"})
    assert found.get("subnet") == subnet


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (('replacement: "24"', 'replacement: "129"'), "a prefix length as its replacement"),
        (('        replacement: "24"\n', ""), "a prefix length as its replacement"),
        (("target_label: subnet", "target_label: ''"), "needs a target_label"),
        (("[__meta_ec2_private_ip]", "[a, b]"), "needs one source label"),
    ],
)
def test_a_wrong_rule_is_told_where_it_stands(catalog, change, problem):
    with pytest.raises(ConfigError, match=rf"prometheus\.yml:\d+:\d+: .*{problem}"):
        parse_config(SAMPLE.read_text().replace(*change), "prometheus.yml", catalog)
