from __future__ import annotations

import pytest

from narthex.options import ListenAddress, ServerOptions, external_url


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:9090", "127.0.0.1", 9090),
        (":0", "", 0),
        ("[::1]:80", "::1", 80),
        ("node-1.example:65535", "node-1.example", 65535),
    ],
)
def test_a_listen_address_is_host_and_port_and_prints_as_written(text, host, port):
    address = ListenAddress.parse(text)
    assert (address.host, address.port) == (host, port)
    assert str(address) == text


@pytest.mark.parametrize("text", ["", "9090", "localhost", "a:b", "a:-1", "a:65536", "::1:80", "a:٣"])
def test_what_is_no_listen_address_is_refused(text):
    with pytest.raises(ValueError, match=r"is not host:port|in brackets"):
        ListenAddress.parse(text)


def test_flags_are_told_as_prometheus_tells_them():
    flags = ServerOptions().flags()
    assert list(flags) == sorted(flags)
    assert flags["config.file"] == "prometheus.yml"
    assert flags["web.listen-address"] == "0.0.0.0:9090"
    assert flags["web.enable-lifecycle"] == "false"
    assert flags["query.lookback-delta"] == "5m"
    assert flags["storage.tsdb.retention.time"] == "0s"
    assert flags["query.max-samples"] == "50000000"
    assert flags["alertmanager.drain-notification-queue-on-shutdown"] == "true"


def test_several_addresses_are_told_with_commas():
    both = (ListenAddress("127.0.0.1", 1), ListenAddress("::1", 2))
    assert ServerOptions(web_listen_address=both).flags()["web.listen-address"] == "127.0.0.1:1,[::1]:2"


@pytest.mark.parametrize(
    ("text", "kept"),
    [("", ""), ("https://n.example/x/", "https://n.example/x"), ("http://n:1", "http://n:1"), ("/x/", "/x"), ("/", "")],
)
def test_an_external_url_is_kept_without_its_last_slash(text, kept):
    assert external_url(text) == kept


@pytest.mark.parametrize("text", ["n.example", "ftp://n.example", "//n.example/x", "'https://n.example'", "https://"])
def test_what_is_no_external_url_is_refused(text):
    with pytest.raises(ValueError, match="neither a URL"):
        external_url(text)
