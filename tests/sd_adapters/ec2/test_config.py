"""The block as configured."""

from __future__ import annotations

import subprocess
import sys

import pytest

from narthex.config.decode import decode_yaml
from narthex.errors import ConfigError
from narthex_sd.ec2 import Ec2Config


def read(text):
    return decode_yaml(Ec2Config, text, "block.yml")


def test_everything_has_a_default():
    config = read("{}")
    assert (config.port, config.refresh_interval, config.filters, config.region) == (80, 60_000, (), "")


def test_every_option_of_prometheus_is_read():
    config = read(
        "{region: r, endpoint: 'http://h:1', access_key: a, secret_key: b, profile: p, role_arn: x, external_id: e,"
        " port: 9, refresh_interval: 5m, filters: [{name: n, values: [v]}], proxy_url: 'http://p:1',"
        " tls_config: {insecure_skip_verify: true}, follow_redirects: false}"
    )
    assert config.http.tls_config.insecure_skip_verify
    assert (config.filters[0].name, config.filters[0].values) == ("n", ("v",))
    assert "b" not in repr(config.secret_key)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("filters: [{name: n, values: []}]", "filter values cannot be empty"),
        ("filters: [{name: n}]", "filter values cannot be empty"),
        ("port: 0", "port must be between"),
        ("port: 65536", "port must be between"),
        ("refresh_interval: 0s", "refresh_interval must not be 0"),
        ("endpoint: 'localhost:80'", "URL scheme"),
        ("nonsense: 1", "nonsense"),
    ],
)
def test_what_cannot_be_meant_is_refused(text, why):
    with pytest.raises(ConfigError, match=why):
        read(text)


def test_the_library_is_imported_only_when_it_is_used():
    code = "import sys, narthex_sd.ec2 as one; one.narthex_discovery_kinds(); sys.exit('botocore' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, check=False).returncode
        == 0
    )
