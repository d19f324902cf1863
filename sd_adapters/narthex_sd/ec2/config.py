"""What ``ec2_sd_configs`` takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from narthex.config.http import HttpConfig
from narthex.config.types import Duration, Secret, Url, inline

__all__ = ["Ec2Config", "Ec2Filter"]


@dataclass(frozen=True, slots=True)
class Ec2Filter:
    """A filter of ``DescribeInstances``, applied by AWS: the named property has one of the values."""

    name: str
    values: tuple[str, ...] = ()

    def check(self) -> Iterator[tuple[str, str]]:
        """A filter without values would match nothing."""
        if not self.values:
            yield "values", "EC2 SD configuration filter values cannot be empty"


@dataclass(frozen=True, slots=True)
class Ec2Config:
    """The instances of one region.

    ``region`` left out is taken from the environment, the profile, or the metadata of the instance that Narthex runs
    on, at the first refresh. ``access_key`` and ``secret_key`` count only together; without them credentials come from
    wherever the AWS SDK finds them. ``endpoint`` is for services that only look like EC2; STS, which is asked for
    the role of ``role_arn``, keeps its own.
    """

    region: str = ""
    endpoint: Url | None = None
    access_key: str = ""
    secret_key: Secret | None = None
    profile: str = ""
    role_arn: str = ""
    external_id: str = ""
    port: int = 80
    filters: tuple[Ec2Filter, ...] = ()
    refresh_interval: Duration = Duration(60_000)
    http: HttpConfig = field(default_factory=HttpConfig, metadata=inline())

    def check(self) -> Iterator[tuple[str, str]]:
        """A port that exists, an interval to wait for."""
        if not 0 < self.port < 1 << 16:
            yield "port", f"port must be between 1 and 65535, got {self.port}"
        if self.refresh_interval == 0:
            yield "refresh_interval", "refresh_interval must not be 0"
