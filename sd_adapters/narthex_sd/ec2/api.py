"""The two calls of EC2's API that discovery makes, and how a client for them comes about.

Everything here blocks and belongs in a thread. Region and credentials are found when the client is made, which is at
the first refresh: a configuration is valid on a machine that has neither.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any, Protocol

from narthex.errors import DiscoveryError
from narthex_sd.ec2.config import Ec2Config, Ec2Filter

__all__ = ["Connect", "Ec2Api", "connect", "is_refused"]

Send = Callable[..., Any]

_PAGE = 1000
"""Instances of one page, the most that AWS allows: an answer that holds all of a big account would not end in time."""

_REFUSED = frozenset(
    {"AuthFailure", "UnauthorizedOperation", "ExpiredToken", "ExpiredTokenException", "RequestExpired"}
)
"""Error codes that other credentials may cure; Prometheus knows the first two."""


class Ec2Api(Protocol):
    """What discovery needs of EC2, in boto3's shapes. All calls block, and raise whatever the library raises."""

    @property
    def region(self) -> str:
        """The region that is asked."""

    def reservations(self, filters: Sequence[Ec2Filter]) -> Iterator[Mapping[str, Any]]:
        """All reservations with their instances that pass the filters, page after page."""

    def zones(self) -> Mapping[str, str]:
        """Ids of the region's availability zones by their names."""


Connect = Callable[[Ec2Config, Send], Ec2Api]


def connect(config: Ec2Config, send: Send, region_here: Callable[[Any], str | None] | None = None) -> Ec2Api:
    """A client for one block. ``send`` carries its requests (:meth:`narthex_sd.ec2.transport.Transport.send`).

    ``region_here`` asks the machine for its region, given a botocore session; by default its instance metadata. Raises
    ``DiscoveryError`` where no region is known, and botocore's errors, such as for a profile that does not exist.
    """
    import boto3
    from botocore.config import Config

    core = _session(config, send)
    region = config.region or _region(core, region_here or _metadata_region)
    if config.role_arn:
        core = _in_role(core, config, send, region)
    client = boto3.Session(botocore_session=core).client(
        "ec2",
        region_name=region,
        endpoint_url=config.endpoint and str(config.endpoint),
        config=Config(retries={"mode": "standard", "total_max_attempts": 3}),
    )
    return _BotoEc2(client, region)


def is_refused(error: BaseException) -> bool:
    """Whether AWS did not accept who asks, so that credentials have to be looked for again."""
    from botocore.exceptions import ClientError, CredentialRetrievalError, NoCredentialsError

    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code") in _REFUSED
    return isinstance(error, NoCredentialsError | CredentialRetrievalError)


class _BotoEc2:
    def __init__(self, client: Any, region: str) -> None:
        self._client = client
        self.region = region

    def reservations(self, filters: Sequence[Ec2Filter]) -> Iterator[Mapping[str, Any]]:
        asked = [{"Name": one.name, "Values": list(one.values)} for one in filters]
        pages = self._client.get_paginator("describe_instances").paginate(
            Filters=asked, PaginationConfig={"PageSize": _PAGE}
        )
        for page in pages:
            if "Reservations" not in page:  # a login page of some proxy parses, too
                raise DiscoveryError("the answer to DescribeInstances has no list of instances")
            yield from page["Reservations"]

    def zones(self) -> Mapping[str, str]:
        answer = self._client.describe_availability_zones()
        return {
            zone["ZoneName"]: zone["ZoneId"]
            for zone in answer.get("AvailabilityZones", ())
            if "ZoneName" in zone and "ZoneId" in zone
        }


def _session(config: Ec2Config, send: Send) -> Any:
    import botocore.session

    core = botocore.session.Session(profile=config.profile or None)
    core.user_agent_name = "Narthex"
    core.register("before-send", send)
    if config.access_key and config.secret_key:
        core.set_credentials(config.access_key, config.secret_key.reveal())
    return core


def _region(core: Any, here: Callable[[Any], str | None]) -> str:
    """``AWS_REGION`` is what other SDKs read, and Prometheus with them; botocore reads only its older name."""
    region: str | None = os.environ.get("AWS_REGION") or core.get_config_variable("region") or here(core)
    if not region:
        raise DiscoveryError("no region: set it, or AWS_REGION, or one in the profile; instance metadata gave none")
    return region


def _metadata_region(core: Any) -> str | None:
    from botocore.utils import IMDSRegionProvider

    region: str | None = IMDSRegionProvider(core).provide()
    return region


def _in_role(source: Any, config: Ec2Config, send: Send, region: str) -> Any:
    """A session with the role's credentials, which are asked for when needed and again before they expire."""
    from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
    from botocore.exceptions import NoCredentialsError

    found = source.get_credentials()
    if found is None:
        raise NoCredentialsError
    extra = {"ExternalId": config.external_id} if config.external_id else {}
    fetcher = AssumeRoleCredentialFetcher(
        partial(source.create_client, region_name=region),
        found,
        config.role_arn,
        extra_args={"RoleSessionName": "narthex", **extra},
    )
    credentials = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
    core = _session(Ec2Config(profile=config.profile), send)
    core.register_component("credential_provider", SimpleNamespace(load_credentials=lambda: credentials))
    return core
