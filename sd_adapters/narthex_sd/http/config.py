"""What ``http_sd_configs`` takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from narthex.config.http import HttpConfig
from narthex.config.types import Duration, Size, Url, inline

__all__ = ["HttpDiscoveryConfig"]


@dataclass(frozen=True, slots=True)
class HttpDiscoveryConfig:
    """Asks ``url`` every ``refresh_interval``, which is also the time that an answer may take.

    An answer, unpacked, must stay below ``body_size_limit``; Prometheus knows no such limit.
    """

    url: Url
    refresh_interval: Duration = Duration(60_000)
    body_size_limit: Size = Size(64 << 20)
    http: HttpConfig = field(default_factory=HttpConfig, metadata=inline())

    def check(self) -> Iterator[tuple[str, str]]:
        """Rules within fields."""
        if self.refresh_interval == 0:
            yield "refresh_interval", "refresh_interval must not be 0"
