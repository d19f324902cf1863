# ruff: noqa: E501 -- messages are compared word for word
import pytest

from narthex.config.decode import decode_yaml
from narthex.config.http import Authorization, HttpConfig
from narthex.config.types import FilePath, Secret
from narthex.errors import ConfigError

AT_MOST_ONE = "at most one of basic_auth, authorization, oauth2 and bearer_token may be set"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("basic_auth: {username: a, username_file: b}", "at most one of username and username_file may be set"),
        ("basic_auth: {password: a, password_file: b}", "at most one of password and password_file may be set"),
        ("authorization: {credentials: a, credentials_file: b}", "at most one of credentials and credentials_file may be set"),
        ("authorization: {type: Basic}", 'authorization type cannot be "basic"; use basic_auth instead'),
        ("bearer_token: a\nbearer_token_file: b", "at most one of bearer_token and bearer_token_file may be set"),
        ("bearer_token: a\nbasic_auth: {}", f"{AT_MOST_ONE}; here basic_auth, bearer_token are"),
        ("authorization: {}\nbasic_auth: {}", f"{AT_MOST_ONE}; here basic_auth, authorization are"),
        ("tls_config: {cert_file: a}", "a client certificate needs its key: set key or key_file"),
        ("tls_config: {key: a}", "a client key needs a certificate: set cert or cert_file"),
        ("tls_config: {ca: a, ca_file: b}", "at most one of ca and ca_file may be set"),
        ("tls_config: {min_version: TLS13, max_version: TLS12}", "max_version TLS12 is below min_version TLS13"),
        ("tls_config: {min_version: TLS9}", "expected one of TLS10, TLS11, TLS12, TLS13; got 'TLS9'"),
        ("proxy_url: http://p\nproxy_from_environment: true", "proxy_url must not be set when proxy_from_environment is"),
        ("no_proxy: a", "no_proxy needs proxy_url"),
        ("proxy_connect_header: {A: [b]}", "proxy_connect_header needs proxy_url or proxy_from_environment"),
        ("http_headers: {content-type: {}}", "header 'content-type' is reserved: it is set by the client itself"),
        ("http_headers: {X-Amz-Date: {values: [a]}}", "header 'X-Amz-Date' is reserved: it is set by the client itself"),
        ("oauth2: {client_id: a}", "oauth2 token_url must be set"),
        ("basic_auth: {password_ref: a}", "not implemented yet: secrets by reference"),
    ],
)  # fmt: skip
def test_rules_across_fields(text, message):
    with pytest.raises(ConfigError) as caught:
        decode_yaml(HttpConfig, text, "f.yml")
    assert caught.value.problems[0].message.startswith(message)
    assert caught.value.problems[0].line


def test_bearer_tokens_become_an_authorization_header():
    assert decode_yaml(HttpConfig, "bearer_token: s", "f.yml") == HttpConfig(
        authorization=Authorization(credentials=Secret("s"))
    )
    assert decode_yaml(HttpConfig, "bearer_token_file: s", "f.yml", directory="d") == HttpConfig(
        authorization=Authorization(credentials_file=FilePath("d/s"))
    )


def test_an_empty_authorization_type_is_bearer():
    assert decode_yaml(HttpConfig, "authorization: {type: '  '}", "f.yml").authorization.type == "Bearer"


def test_an_empty_proxy_is_none():
    assert not decode_yaml(HttpConfig, "proxy_url: ''", "f.yml").proxy.proxy_url


@pytest.mark.parametrize("url", ["http://p/%zz", "http://p%", "http://p/%4?a=%41"])
def test_a_url_has_whole_escapes(url):
    with pytest.raises(ConfigError, match="invalid URL escape"):
        decode_yaml(HttpConfig, f"proxy_url: '{url}'", "f.yml")
