"""Adapters are listed, and configurations without them work, where nothing optional is installed."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

OPTIONAL = ("boto3", "botocore", "dns", "zeroconf")


def run(code):
    """Run Python code in an interpreter in which no optional package can be imported; what it prints."""
    blocked = f"import sys; sys.modules.update(dict.fromkeys({OPTIONAL!r}))\n"
    argv = [sys.executable, "-c", blocked + textwrap.dedent(code)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_listing_the_adapters_needs_no_optional_package():
    out = run("""
        from narthex.plugins.host import PluginHost
        from narthex_plugins.standard import shipped
        print(*PluginHost(shipped(), scan=False).catalog().discovery)
    """)
    assert {"static", "file", "http", "dns", "exec"} <= set(out.split())


@pytest.mark.parametrize(("kind", "extra"), [("dns", "dns"), ("ec2", "ec2"), ("mdns", "mdns")])
def test_a_configuration_that_uses_one_is_told_what_to_install(kind, extra):
    out = run(f"""
        from narthex.config.load import parse_config
        from narthex.errors import ConfigError
        from narthex.plugins.host import PluginHost
        from narthex_plugins.standard import shipped
        text = "scrape_configs: [{{job_name: a, {kind}_sd_configs: [{{}}]}}]"
        try:
            parse_config(text, "prometheus.yml", PluginHost(shipped(), scan=False).catalog())
        except ConfigError as error:
            print(error)
    """)
    assert f"pip install 'narthex[{extra}]'" in out
