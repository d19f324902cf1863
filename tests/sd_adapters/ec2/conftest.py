"""A server that is like EC2, on loopback, and nothing in the environment that leads elsewhere."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from tests.e2e.servers import Server, fetch, free_port, serving

from narthex_sd.ec2 import Ec2Config

REGION = "eu-west-3"


@pytest.fixture(autouse=True)
def isolated(monkeypatch, tmp_path):
    """Credentials that open nothing, and neither files of the user nor metadata of the machine."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "environment-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "environment-secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "aws-credentials"))


@pytest.fixture(scope="session")
def moto(tmp_path_factory) -> Iterator[Server]:
    for module in ("moto", "flask", "flask_cors"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed (extra dev-ec2)")
    port = free_port()
    argv = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with serving(argv, tmp_path_factory.mktemp("moto") / "moto.log", port, "/moto-api/data.json") as server:
        yield server


@pytest.fixture
def aws(moto) -> Any:
    """A client of an empty server."""
    import boto3

    fetch(f"{moto.url}/moto-api/reset", "POST")
    yield (client := boto3.Session(region_name=REGION).client("ec2", endpoint_url=moto.url))
    client.close()


@pytest.fixture
def config(moto) -> Ec2Config:
    from narthex.config.types import Duration, Url

    return Ec2Config(region=REGION, endpoint=Url(moto.url), refresh_interval=Duration(50))
