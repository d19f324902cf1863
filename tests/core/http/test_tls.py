"""Certificates: whom the client trusts, what it shows, and files that change."""

import re

import pytest
from aiohttp import web
from tests.core.http.answers import PLAIN, answering
from tests.waiting import PATIENCE

from narthex.config.http import HttpConfig, TlsConfig
from narthex.config.types import FilePath, Secret
from narthex.http.errors import HttpError


async def test_a_server_is_trusted_by_its_authority(serve, client, authority):
    base = await serve({"/": answering()}, ssl=authority.server_context("127.0.0.1"))
    with pytest.raises(HttpError, match=re.compile("certificate", re.IGNORECASE)):
        await client(PLAIN).request("GET", f"{base}/", seconds=PATIENCE)
    for config in (
        TlsConfig(ca_file=FilePath(authority.ca_file)),
        TlsConfig(ca=(authority.folder / "authority.pem").read_text()),
        TlsConfig(insecure_skip_verify=True),
    ):
        assert (await client(HttpConfig(tls_config=config)).request("GET", f"{base}/", seconds=PATIENCE)).status == 200


async def test_the_server_name_replaces_the_host(serve, client, authority):
    base = await serve({"/": answering()}, ssl=authority.server_context("metrics.example"))
    plain = TlsConfig(ca_file=FilePath(authority.ca_file))
    with pytest.raises(HttpError):
        await client(HttpConfig(tls_config=plain)).request("GET", f"{base}/", seconds=PATIENCE)
    named = TlsConfig(ca_file=FilePath(authority.ca_file), server_name="metrics.example")
    assert (await client(HttpConfig(tls_config=named)).request("GET", f"{base}/", seconds=PATIENCE)).status == 200


@pytest.mark.parametrize("inline", [False, True])
async def test_a_client_certificate_is_shown(serve, client, authority, inline):
    context = authority.server_context("127.0.0.1", client_ca=authority.ca_file)
    base = await serve({"/": answering()}, ssl=context)
    certificate, key = authority.issue("client")
    ca = FilePath(authority.ca_file)
    with pytest.raises(HttpError):
        await client(HttpConfig(tls_config=TlsConfig(ca_file=ca))).request("GET", f"{base}/", seconds=PATIENCE)
    if inline:
        texts = [(authority.folder / name).read_text() for name in ("client.pem", "client.key")]
        config = TlsConfig(ca_file=ca, cert=texts[0], key=Secret(texts[1]))
    else:
        config = TlsConfig(ca_file=ca, cert_file=FilePath(certificate), key_file=FilePath(key))
    assert (await client(HttpConfig(tls_config=config)).request("GET", f"{base}/", seconds=PATIENCE)).status == 200


async def test_rotated_files_are_used_without_a_reload(serve, client, authority, another_authority):
    base = await serve({"/": answering()}, ssl=authority.server_context("127.0.0.1"))
    ca = authority.folder / "trusted.pem"
    ca.write_bytes((another_authority.folder / "another.pem").read_bytes())
    one = client(HttpConfig(tls_config=TlsConfig(ca_file=FilePath(ca))))
    with pytest.raises(HttpError):
        await one.request("GET", f"{base}/", seconds=PATIENCE)
    replacement = authority.folder / "new.pem"
    replacement.write_bytes((authority.folder / "authority.pem").read_bytes())
    replacement.replace(ca)
    assert (await one.request("GET", f"{base}/", seconds=PATIENCE)).status == 200


async def test_versions_are_limited(serve, client, authority):
    async def version(request):
        return web.Response(text=request.get_extra_info("ssl_object").version())

    base = await serve({"/": version}, ssl=authority.server_context("127.0.0.1"))
    for wanted, name in ((None, b"TLSv1.3"), ("TLS12", b"TLSv1.2")):
        config = TlsConfig(ca_file=FilePath(authority.ca_file), max_version=wanted)
        assert (await client(HttpConfig(tls_config=config)).request("GET", f"{base}/", seconds=PATIENCE)).body == name


@pytest.mark.parametrize("field", ["ca_file", "cert_file"])
async def test_unusable_files_are_an_http_error(client, tmp_path, field):
    path = tmp_path / "broken.pem"
    config = HttpConfig(tls_config=TlsConfig(**{field: FilePath(path)}))
    for _ in ("absent", "broken"):
        with pytest.raises(HttpError):
            await client(config).request("GET", "https://127.0.0.1:1/", seconds=PATIENCE)
        path.write_text("no certificate")
