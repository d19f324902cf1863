import contextlib
import datetime as dt
import ipaddress
import ssl

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from narthex.clock import SystemClock
from narthex.http.client import make_session


@pytest.fixture
async def serve():
    """Starts a server for ``{path: handler}`` and gives its base URL; ``serve.seen`` holds all requests."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(routes, host="127.0.0.1", **options):
            async def handle(request):
                start.seen.append(request)
                return await routes[request.path](request)

            app = web.Application()
            app.router.add_route("*", "/{tail:.*}", handle)
            server = TestServer(app, host=host, scheme="https" if "ssl" in options else "http")
            await server.start_server(**options)
            stack.push_async_callback(server.close)
            return str(server.make_url("")).rstrip("/")

        start.seen = []
        yield start


@pytest.fixture
async def client():
    """Makes clients that are closed at the end."""
    async with contextlib.AsyncExitStack() as stack:

        def make(config):
            made = make_session(config, SystemClock())
            stack.push_async_callback(made.close)
            return made

        yield make


class Authority:
    """A certificate authority that writes PEM files into a directory."""

    def __init__(self, folder, name="authority"):
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._certificate = self._sign(self._name, self._key.public_key(), authority=True)
        self.ca_file = self._write(f"{name}.pem", self._certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name, *hosts):
        """A certificate and its key, as two file names."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._sign(subject, key.public_key(), hosts=hosts)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return (
            self._write(f"{name}.pem", certificate.public_bytes(serialization.Encoding.PEM)),
            self._write(f"{name}.key", pem),
        )

    def _sign(self, subject, public, *, hosts=(), authority=False):
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if authority:
            usage = x509.KeyUsage(
                digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
                key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
                decipher_only=False,
            )  # fmt: skip
            builder = builder.add_extension(usage, critical=True)
        if hosts:
            names = [_general_name(host) for host in hosts]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def _write(self, name, data):
        path = self.folder / name
        path.write_bytes(data)
        return str(path)

    def server_context(self, *hosts, client_ca=None):
        """The TLS context of a server with a certificate for ``hosts``."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issue("server", *hosts))
        if client_ca:
            context.load_verify_locations(client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def _general_name(host):
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def another_authority(tmp_path):
    folder = tmp_path / "other"
    folder.mkdir()
    return Authority(folder, "another")
