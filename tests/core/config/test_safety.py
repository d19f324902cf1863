from __future__ import annotations

import pytest

from narthex.config.dump import dump
from narthex.config.load import parse_config
from narthex.config.safety import DiscoverySafety, Share
from narthex.config.types import Duration
from narthex.errors import ConfigError

TEXT = """
narthex:
  discovery: {max_drop: 30%, hold: 10m}
scrape_configs:
  - job_name: careful
    narthex: {discovery: {max_drop: 0.1, allow_empty: true}}
  - job_name: plain
"""


@pytest.mark.parametrize(
    ("text", "value"), [("50%", 0.5), ("0.25", 0.25), ("0", 0.0), ("100%", 1.0), ("12.5 %", 0.125), ("1", 1.0)]
)
def test_a_share_is_a_percentage_or_a_number(text, value):
    assert Share.parse(text) == value
    assert Share.parse(str(Share(value))) == value


@pytest.mark.parametrize("text", ["", "half", "101%", "-1", "50", "nan", "inf", "%"])
def test_anything_else_is_no_share(text):
    with pytest.raises(ValueError, match="expected a share such as 50%"):
        Share.parse(text)


def test_a_job_has_the_global_limits_but_for_its_own(catalog):
    config = parse_config(TEXT, "prometheus.yml", catalog)
    careful, plain = (job.narthex.discovery.over(config.narthex.discovery) for job in config.scrape_configs)
    assert careful == DiscoverySafety(max_drop=Share(0.1), hold=Duration(600_000), allow_empty=True)
    assert plain == DiscoverySafety(max_drop=Share(0.3), hold=Duration(600_000))


def test_limits_are_printed_as_they_are_read(catalog):
    config = parse_config(TEXT, "prometheus.yml", catalog)
    shown = dump(config)
    assert "max_drop: 30%" in shown
    assert parse_config(shown, "again.yml", catalog) == config


def test_a_bad_limit_is_told_with_its_place(catalog):
    with pytest.raises(ConfigError) as caught:
        parse_config(TEXT.replace("30%", "130%"), "prometheus.yml", catalog)
    (problem,) = caught.value.problems
    assert (problem.line, problem.path) == (3, "narthex.discovery.max_drop")


def test_removals_said_on_purpose_are_doubted_only_where_a_hold_is_set():
    assert DiscoverySafety().patience == Duration(300_000)
    assert DiscoverySafety().for_kind(deliberate=False).patience == Duration(300_000)
    assert DiscoverySafety().for_kind(deliberate=True).patience == 0
    assert DiscoverySafety(hold=Duration(1000)).for_kind(deliberate=True).patience == 1000
