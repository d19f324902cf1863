from __future__ import annotations

import pytest

from narthex.config.decode import decode_yaml
from narthex.config.dump import plain
from narthex.config.http import BasicAuth
from narthex.config.load import parse_config
from narthex.config.types import Duration, Secret
from narthex.discovery.identity import identity
from narthex.errors import ConfigError
from narthex.plugins.host import PluginHost
from narthex_plugins.standard import shipped
from narthex_sd.consul import ConsulConfig


def read(text: str) -> ConsulConfig:
    return decode_yaml(ConsulConfig, text, "consul.yml", directory="/etc/narthex")


def test_the_defaults_are_those_of_prometheus():
    config = read("")
    assert (config.server, config.scheme, config.tag_separator) == ("localhost:8500", "http", ",")
    assert config.allow_stale
    assert config.refresh_interval == Duration(30_000)


def test_username_and_password_are_basic_auth():
    config = read("{username: u, password: p}")
    assert config.http.basic_auth == BasicAuth(username="u", password=Secret("p"))
    assert config == read("{basic_auth: {username: u, password: p}}")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("server: ''", "server"),
        ("server: '  '", "server"),
        ("server: ftp://consul:8500", "server"),
        ("server: user:hush@consul:8500", "server"),
        ("server: consul:8500/consul", "server"),
        ("{token: a, token_file: b}", "token_file"),
        ("{token: a, oauth2: {client_id: i, client_secret: s, token_url: 'http://h/'}}", "token"),
        ("{token_file: a, authorization: {credentials: c}}", "token_file"),
        ("{token: a, bearer_token: c}", "token"),
        ("{username: u, basic_auth: {username: v}}", "username"),
        ("{password: p, authorization: {credentials: c}}", "password"),
        ("refresh_interval: 0s", "refresh_interval"),
        ("scheme: ftp", "scheme"),
        ("tag: a", "tag"),
    ],
)
def test_what_is_refused(text, key):
    with pytest.raises(ConfigError) as refused:
        read(text)
    assert key in {problem.path for problem in refused.value.problems}
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize("server", ["consul:8500", "[::1]:8500", "https://consul:8501", "unix:///run/consul.sock"])
def test_ways_to_name_the_server(server):
    assert read(f"server: '{server}'").server == server


def test_a_token_file_lies_beside_the_configuration():
    assert read("token_file: consul-token").token_file == "/etc/narthex/consul-token"


def test_equal_blocks_are_one_discoverer():
    text = "{server: 'c:1', token: t, node_meta: {a: b, c: d}, http_headers: {X: {secrets: [s]}}}"
    assert identity(read(text)) == identity(read(text))
    assert identity(read(text)) != identity(read(text.replace("token: t", "token: u")))


def test_secrets_are_masked():
    shown = str(plain(read("{token: hush, username: u, password: hush}")))
    assert "<secret>" in shown
    assert "hush" not in shown


def test_the_kind_stands_in_a_job():
    catalog = PluginHost(shipped(), scan=False).catalog()
    text = "scrape_configs: [{job_name: j, consul_sd_configs: [{services: [web], node_meta: {rack: '012'}}]}]"
    block = parse_config(text, "prometheus.yml", catalog).scrape_configs[0].discovery[0]
    assert (block.kind, block.config.services, block.config.node_meta) == ("consul", ("web",), {"rack": "012"})
