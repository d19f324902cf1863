from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gzip
import json
from functools import partial

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from narthex import __version__
from narthex.config.http import Authorization, BasicAuth, HttpConfig, TlsConfig
from narthex.config.types import Duration, Secret, Size, Url
from narthex_sd.http import HttpDiscoveryConfig
from narthex_sd.http.discovery import HttpDiscoverer

FAILURES = "prometheus_sd_http_failures_total"
REFRESH_FAILURES = {"mechanism": "http", "config": "test"}


def listing(*addresses):
    return json.dumps([{"targets": [one]} for one in addresses])


class Inventory:
    """A server whose answers the test decides; it keeps every request."""

    def __init__(self):
        self.requests = []
        self.answer = lambda request: web.Response(text=listing("127.0.0.1:1"), content_type="application/json")
        self.url = ""

    def says(self, text, **how):
        how = {"content_type": "application/json", "text": text} | how
        self.answer = lambda request: web.Response(**how)

    async def handle(self, request):
        self.requests.append(request)
        answer = self.answer(request)
        return await answer if asyncio.iscoroutine(answer) else answer

    def config(self, **how):
        return HttpDiscoveryConfig(Url(self.url), **how)


@pytest.fixture
async def inventory():
    one = Inventory()
    app = web.Application()
    app.router.add_get("/targets", one.handle)
    async with TestServer(app, host="127.0.0.1") as server:
        one.url = str(server.make_url("/targets"))
        yield one


@pytest.fixture
def asked(polled, inventory):
    """The discoverer of a block on the inventory, turn by turn."""
    return lambda **how: polled(partial(HttpDiscoverer, inventory.config(**how)), "http/0")


async def test_the_request_says_what_it_wants_who_asks_and_how_often(inventory, asked):
    assert await asked(refresh_interval=Duration(90_500)).turn() is None
    headers = inventory.requests[0].headers
    assert headers["Accept"] == "application/json"
    assert headers["User-Agent"] == f"Narthex/{__version__}"
    assert headers["X-Prometheus-Refresh-Interval-Seconds"] == "90.5"
    assert "If-None-Match" not in headers


async def test_a_shrinking_list_takes_targets_away(inventory, asked):
    one = asked()
    inventory.says(listing("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"))
    await one.turn()
    inventory.says(listing("127.0.0.1:9"))
    await one.turn()
    assert one.addresses == ["127.0.0.1:9"]


@pytest.mark.parametrize("text", ["[]", "null"])
async def test_an_empty_answer_takes_all_away(inventory, asked, text):
    one = asked()
    await one.turn()
    inventory.says(text)
    assert await one.turn() is None
    assert one.addresses == []


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ({"status": 503}, "status 503 Service Unavailable"),
        ({"status": 201}, "status 201"),
        ({"status": 304}, "status 304"),
        ({"content_type": "text/plain"}, "content type"),
        ({"text": "[{}"}, "JSON syntax error"),
        ({"text": '{"targets": []}'}, "expected a list"),
        ({"text": '[{"targets": ["h:1"], "port": 1}]'}, "unknown key 'port'"),
        ({"text": '[{"targets": ["h:1"]}, null]'}, "null list element"),
        ({"text": '[{"labels": {"a": 1}}]'}, "labels.a"),
        ({"text": None, "body": b'["\xff"]'}, "UTF-8"),
        ({"text": None, "body": b"\x1f\x8b\x08", "headers": {"Content-Encoding": "gzip"}}, "gzip"),
    ],
)
async def test_a_bad_answer_is_counted_and_keeps_the_targets(inventory, asked, answer, complaint):
    one = asked()
    await one.turn()
    inventory.says(**({"text": "[]"} | answer))
    error = await one.turn()
    assert complaint in str(error)
    assert error.retry_within == 60
    assert one.addresses == ["127.0.0.1:1"]
    assert (one.count(FAILURES), one.count("prometheus_sd_refresh_failures_total", **REFRESH_FAILURES)) == (1, 1)


async def test_a_server_that_is_away_keeps_the_targets_and_comes_back(inventory, asked):
    one = asked()
    await one.turn()
    inventory.answer = lambda request: request.transport.abort() or web.Response()
    assert await one.turn() is not None
    assert await one.turn() is not None
    assert one.addresses == ["127.0.0.1:1"]
    inventory.says(listing("127.0.0.1:2"))
    assert await one.turn() is None
    assert one.addresses == ["127.0.0.1:2"]
    assert one.count(FAILURES) == 2


async def test_flapping_answers_lose_no_target(inventory, asked):
    fleet = [f"127.0.0.1:{port}" for port in range(1000, 1100)]
    one = asked()
    for number in range(20):
        if number % 2:
            inventory.says("[]", status=500)
        else:
            inventory.says(listing(*fleet))
        await one.turn()
        assert one.addresses == fleet
    assert one.count(FAILURES) == 10


async def test_a_slow_answer_fails_within_the_interval(inventory, asked):
    one = asked(refresh_interval=Duration(2000))
    await one.turn()
    inventory.answer = lambda request: asyncio.Event().wait()
    error = await one.turn()
    assert "no complete answer within 2s" in str(error)
    assert one.addresses == ["127.0.0.1:1"]


async def test_an_answer_that_trickles_fails_within_the_interval(inventory, asked):
    one = asked(refresh_interval=Duration(200))

    async def trickle(request):
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(b" ")
                await asyncio.sleep(0.02)
        return response

    inventory.answer = trickle
    assert "no complete answer" in str(await one.turn())


async def test_a_huge_answer_is_refused_by_its_size(inventory, asked):
    one = asked(body_size_limit=Size(1000))
    inventory.says(" " * 1000 + "[]")
    assert "body size limit exceeded" in str(await one.turn())


async def test_a_small_answer_that_unpacks_to_a_huge_one_is_refused(inventory, asked):
    one = asked(body_size_limit=Size(1 << 20))
    packed = gzip.compress(b" " * (64 << 20) + b"[]")
    inventory.says(None, body=packed, headers={"Content-Encoding": "gzip"})
    assert "body size limit exceeded" in str(await one.turn())


async def test_an_answer_of_twenty_mebibytes_is_read(inventory, asked):
    groups = [{"targets": [f"127.0.0.1:{number}"], "labels": {"pad": "x" * 400}} for number in range(45_000)]
    inventory.says(None, body=gzip.compress(json.dumps(groups).encode(), 1), headers={"Content-Encoding": "gzip"})
    one = asked()
    assert await one.turn() is None
    assert len(one.addresses) == 45_000


async def test_a_bad_entry_can_be_left_out(inventory, polled):
    lenient = partial(dataclasses.replace, skip_bad_entries=True)
    one = polled(lambda context: HttpDiscoverer(inventory.config(), lenient(context)), "http/0")
    for padding in ("", "x" * 100_000):
        groups = [{"targets": ["127.0.0.1:1"], "labels": {"pad": padding}}, {"targets": ["127.0.0.1:2"], "port": 1}]
        inventory.says(json.dumps(groups))
        assert await one.turn() is None
        assert one.addresses == ["127.0.0.1:1"]
    assert one.count("narthex_sd_skipped_entries_total", mechanism="http", config="test") == 2


async def test_an_unchanged_answer_is_asked_for_by_its_names_and_keeps_the_targets(inventory, asked):
    def answer(request):
        if request.headers.get("If-None-Match") == '"one"':
            return web.Response(status=304)
        stamps = {"ETag": '"one"', "Last-Modified": "Sun, 22 Nov 2026 10:00:00 GMT"}
        return web.Response(text=listing("127.0.0.1:1"), content_type="application/json", headers=stamps)

    inventory.answer = answer
    one = asked()
    assert await one.turn() is None
    assert await one.turn() is None
    headers = inventory.requests[1].headers
    assert (headers["If-None-Match"], headers["If-Modified-Since"]) == ('"one"', "Sun, 22 Nov 2026 10:00:00 GMT")
    assert one.addresses == ["127.0.0.1:1"]
    assert one.seen.published[1] == one.seen.published[0]


async def test_after_a_failure_an_unchanged_answer_still_brings_all_targets(inventory, asked):
    one = asked()
    inventory.says(listing("127.0.0.1:1"), headers={"ETag": '"one"'})
    await one.turn()
    inventory.says("", status=500)
    assert await one.turn() is not None
    inventory.says("", status=304)
    assert await one.turn() is None
    assert [group.source for group in one.seen.published[-1]] == [f"{inventory.url}:0"]


async def test_the_names_of_a_bad_answer_are_not_asked_for(inventory, asked):
    one = asked()
    inventory.says("[{}", headers={"ETag": '"bad"'})
    await one.turn()
    await one.turn()
    assert "If-None-Match" not in inventory.requests[1].headers


@pytest.mark.parametrize(
    ("http", "header"),
    [
        (HttpConfig(basic_auth=BasicAuth("me", password=Secret("hunter2"))), "Basic bWU6aHVudGVyMg=="),
        (HttpConfig(authorization=Authorization(credentials=Secret("token"))), "Bearer token"),
    ],
)
async def test_credentials_are_sent(inventory, asked, http, header):
    await asked(http=http).turn()
    assert inventory.requests[0].headers["Authorization"] == header


async def test_a_password_in_the_url_is_sent_and_not_told(inventory, asked):
    inventory.url = inventory.url.replace("//", "//me:hunter2@")
    one = asked()
    assert await one.turn() is None
    assert inventory.requests[0].headers["Authorization"] == "Basic bWU6aHVudGVyMg=="
    assert "hunter2" not in repr(one.seen.published)
    inventory.answer = lambda request: request.transport.abort() or web.Response()
    assert "hunter2" not in str(await one.turn())


async def test_a_server_that_is_not_trusted_is_not_asked(polled, tls_server):
    url, authority = tls_server
    trusting = HttpDiscoveryConfig(Url(url), http=HttpConfig(tls_config=TlsConfig(ca_file=authority)))
    one = polled(partial(HttpDiscoverer, trusting), "http/0")
    assert await one.turn() is None
    assert one.addresses == ["127.0.0.1:1"]
    doubting = polled(partial(HttpDiscoverer, HttpDiscoveryConfig(Url(url))), "http/1")
    assert "certificate" in str(await doubting.turn()).lower()


@pytest.fixture
async def tls_server(tmp_path):
    """An https inventory with a certificate of its own making; its URL, and the file to trust."""
    context, authority = self_signed(tmp_path)
    one = Inventory()
    app = web.Application()
    app.router.add_get("/targets", one.handle)
    server = TestServer(app, host="127.0.0.1", scheme="https")
    await server.start_server(ssl=context)
    yield str(server.make_url("/targets")), authority
    await server.close()


def self_signed(folder):
    import datetime as dt
    import ipaddress
    import ssl

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "inventory")])
    now = dt.datetime.now(dt.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context, str(folder / "cert.pem")
