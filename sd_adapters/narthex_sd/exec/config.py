"""What ``exec_sd_configs`` takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from narthex.config.types import Duration, FilePath, Secret, Size

__all__ = ["ExecConfig"]

_LEAST = 30_000
"""Milliseconds: a timeout that goes with every interval. A turn that takes longer than the interval skips the next."""


@dataclass(frozen=True, slots=True)
class ExecConfig:
    """A program and the bounds it runs in.

    In mode ``refresh`` the program is run every ``refresh_interval`` and has to end within ``timeout``. In mode
    ``stream`` it is kept running, and ``timeout`` is how long its first line may take; 0 means no limit there.

    Of Narthex's own environment the program sees the variables in ``inherit_environment`` only, and those of
    ``environment`` besides. A list, that is a whole output or a line, must stay below ``output_limit``.
    ``memory_limit`` bounds the address space of each of its processes, ``cpu_limit`` the processor time of each, in
    whole seconds; 0 means no limit.
    """

    command: tuple[str, ...]
    mode: Literal["refresh", "stream"] = "refresh"
    refresh_interval: Duration = Duration(60_000)
    timeout: Duration = Duration(30_000)
    environment: Mapping[str, Secret] = field(default_factory=dict)
    inherit_environment: tuple[str, ...] = ("PATH",)
    working_directory: FilePath | None = None
    output_limit: Size = Size(64 << 20)
    memory_limit: Size = Size(0)
    cpu_limit: Duration = Duration(0)

    def check(self) -> Iterator[tuple[str, str]]:
        """Rules within and across fields."""
        if not self.command or not self.command[0]:
            yield "command", "expected a program and its arguments"
        if any("\0" in word for word in self.command):
            yield "command", "a command cannot hold null characters"
        for name, value in self.environment.items():
            if not name or "=" in name or "\0" in name or "\0" in value.reveal():
                yield (
                    "environment",
                    f"{name!r} cannot be set: no name may be empty or hold '=', and nothing may be null",
                )
        if self.refresh_interval == 0:
            yield "refresh_interval", "refresh_interval must not be 0"
        if self.timeout == 0 and self.mode == "refresh":
            yield "timeout", "a program that is run again and again needs a timeout"
        if self.timeout > max(self.refresh_interval, _LEAST) and self.mode == "refresh":
            yield "timeout", f"the timeout must not exceed the refresh_interval ({self.refresh_interval}), or 30s"
