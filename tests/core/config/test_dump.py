from dataclasses import dataclass

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from narthex.config.decode import decode_yaml
from narthex.config.dump import dump, plain
from narthex.config.load import load_config, parse_config
from narthex.config.relabel import RelabelConfig
from narthex.config.types import Url, mask_url

TEXT = """
global:
  external_labels: {on: yes, n: 012, t: 2026-01-01, f: 1e3, e: ''}
scrape_configs:
- job_name: a
  basic_auth: {username: u, password: geheim}
  http_headers: {X-A: {values: [v], secrets: [geheim]}}
  body_size_limit: 10MB
  static_configs: [{targets: [x]}, {targets: [y]}]
  cmdb_sd_configs: [{url: 'http://u:geheim@h/p', token: geheim}]
  relabel_configs: [{target_label: t, regex: '', replacement: ''}]
alerting:
  alertmanagers: [{proxy_url: 'http://u:geheim@h', oauth2: {client_id: c, client_secret: geheim, token_url: 'http://t'}}]
narthex:
  receivers: [{name: r, pager_configs: [{url: 'http://p'}]}]
  storage: {disk: {slots: 3}}
"""


@pytest.fixture
def config(catalog):
    return parse_config(TEXT, "p.yml", catalog)


def test_no_secret_is_shown_anywhere(config):
    text = dump(config)
    assert "geheim" not in text
    assert "geheim" not in repr(config)
    assert text.count("<secret>") == 4
    assert "http://u:xxxxx@h/p" in text


def test_a_dump_reads_as_the_same_configuration(config, catalog):
    text = dump(config).replace("<secret>", "geheim").replace("xxxxx", "geheim")
    assert parse_config(text, "p.yml", catalog) == config


def test_defaults_are_shown_and_nothing_is_not(config):
    shown = yaml.safe_load(dump(config))
    (job,) = shown["scrape_configs"]
    assert (job["scrape_interval"], job["scrape_timeout"], job["metrics_path"]) == ("1m", "10s", "/metrics")
    assert (job["follow_redirects"], job["body_size_limit"]) == (True, "10MB")
    assert {"honor_labels", "params", "bearer_token", "sample_limit"}.isdisjoint(job)
    assert job["static_configs"] == [{"targets": ["x"]}, {"targets": ["y"]}]
    assert job["relabel_configs"] == [
        {"separator": ";", "regex": "", "target_label": "t", "replacement": "", "action": "replace"}
    ]
    assert {"remote_write", "otlp"}.isdisjoint(shown)
    assert shown["storage"] == {"exemplars": {"max_exemplars": 100_000}}
    assert shown["narthex"]["storage"] == {"disk": {"slots": 3}}


def test_without_defaults_only_what_was_set_is_shown(config):
    shown = plain(config, defaults=False)
    assert set(shown) == {"global", "scrape_configs", "alerting", "narthex"}


def test_included_jobs_are_part_of_the_dump(tmp_path, catalog):
    (tmp_path / "p.yml").write_text("scrape_config_files: [more.yml]\nscrape_configs: [{job_name: a}]\n")
    (tmp_path / "more.yml").write_text("scrape_configs: [{job_name: b}]\n")
    text = dump(load_config(tmp_path / "p.yml", catalog))
    assert [one.job_name for one in parse_config(text, "p.yml", catalog).scrape_configs] == ["a", "b"]


def test_text_that_looks_like_something_else_is_quoted(config):
    labels = yaml.safe_load(dump(config))["global"]["external_labels"]
    assert labels == {"on": "yes", "n": "012", "t": "2026-01-01", "f": "1e3", "e": ""}


@dataclass(frozen=True)
class Text:
    text: str = "-"
    other: str = "x"


@given(st.text())
def test_any_text_survives(text):
    assert decode_yaml(Text, dump(Text(text)), "t.yml") == Text(text)


def test_lists_of_source_labels_stay_on_one_line():
    rule = RelabelConfig(source_labels=("a", "on"), target_label="t")
    assert dump(rule).splitlines()[0] == 'source_labels: [a, "on"]'


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://u:p@h/a@b", "http://u:xxxxx@h/a@b"),
        ("http://u@h", "http://u@h"),
        ("http://h/?q=a:b@c", "http://h/?q=a:b@c"),
        ("http://u:p:q@r@h", "http://u:xxxxx@h"),
        ("http://:p@h", "http://:xxxxx@h"),
        ("u:p@h", "u:xxxxx@h"),
        ("h:80/p", "h:80/p"),
    ],
)
def test_passwords_in_urls(url, shown):
    assert mask_url(url) == shown == Url(url).masked
