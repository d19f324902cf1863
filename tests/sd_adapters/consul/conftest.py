from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from prometheus_client import CollectorRegistry

from narthex.config.http import TlsConfig
from narthex.config.types import Duration, FilePath
from narthex.discovery.provider import adapter
from narthex.testing.consul import FakeConsul
from narthex.testing.discovery import Recorder, build_context
from narthex_sd.consul import ConsulConfig
from narthex_sd.consul.discovery import ConsulDiscoverer

QUICK = Duration(10)


class Running:
    """A discoverer at work: what it published, its metrics, and how it ended."""

    def __init__(self, config, clock):
        self.registry = CollectorRegistry()
        self.seen = Recorder()
        self.discoverer = ConsulDiscoverer(
            config, replace(build_context("consul/0", clock, self.registry), log=adapter("consul/0", "test", None))
        )
        self.task = asyncio.create_task(self.discoverer.run(self.seen))

    @property
    def addresses(self):
        return sorted(target["__address__"] for group in self.seen.groups.values() for target in group.targets)

    async def until(self, *addresses):
        """Wait until exactly these targets are in force."""
        waiting = asyncio.create_task(
            self.seen.until(lambda seen: seen.published and self.addresses == sorted(addresses))
        )
        await asyncio.wait({waiting, self.task}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self.task.done():
            self.task.result()
        await asyncio.wait({waiting})
        assert self.addresses == sorted(addresses)

    def value(self, name, **labels):
        return self.registry.get_sample_value(f"prometheus_sd_consul_{name}", labels)


@pytest.fixture
async def consul():
    async with FakeConsul() as running:
        yield running


@pytest.fixture
async def discover():
    """Starts discoverers; ``discover(consul, services=("web",))``. All are stopped at the end."""
    async with contextlib.AsyncExitStack() as stack:

        def start(consul, clock=None, **options):
            config = replace(ConsulConfig(server=consul.address, refresh_interval=QUICK), **options)
            running = Running(config, clock)

            async def stop():
                running.task.cancel()
                await asyncio.wait({running.task})

            stack.push_async_callback(stop)
            return running

        yield start


@pytest.fixture
def tls(tmp_path):
    """A server with a certificate of an authority of its own, which wants certificates of it too."""
    return Tls(tmp_path)


class Tls:
    def __init__(self, folder):
        self._folder = folder
        self._key, self._name = ec.generate_private_key(ec.SECP256R1()), name("authority")
        authority = self._sign(self._name, self._key, x509.BasicConstraints(ca=True, path_length=None))
        ca_file, _ = self._write("authority", authority, self._key)
        certificates = {who: self._issue(who) for who in ("server", "client")}
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(*certificates["server"])
        self.server.load_verify_locations(ca_file)
        self.server.verify_mode = ssl.CERT_REQUIRED
        cert_file, key_file = certificates["client"]
        self.client = TlsConfig(ca_file=ca_file, cert_file=cert_file, key_file=key_file)

    def _issue(self, who):
        key = ec.generate_private_key(ec.SECP256R1())
        return self._write(who, self._sign(name(who), key, LOOPBACK), key)

    def _sign(self, subject, key, *extensions):
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def _write(self, who, certificate, key):
        pem, private = self._folder / f"{who}.pem", self._folder / f"{who}.key"
        pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        form = serialization.PrivateFormat.PKCS8
        private.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
        return FilePath(pem), FilePath(private)


LOOPBACK = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
