"""One running program: a process group of its own, bounded, and gone when it is told to go.

Memory and processor time are limited by the shell's ``ulimit`` before the program takes the shell's place. Setting
limits from outside after the start would leave a moment without any; setting them between fork and exec is unsafe in a
process with threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import signal
from collections.abc import Callable
from typing import cast

from narthex.errors import DiscoveryError
from narthex_sd.exec.config import ExecConfig

__all__ = ["Program", "bounded", "ending", "start"]

Feed = Callable[[bytes], None]

_GRACE = 1.0
"""Seconds between asking a program to end and ending it."""


class Program(asyncio.SubprocessProtocol):
    """A started program. ``ended`` resolves to its status when it is gone and all it wrote has been read."""

    def __init__(self, stdout: Feed, stderr: Feed) -> None:
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.failure: DiscoveryError | None = None
        """Why it was killed, where that was our decision."""
        self._feeds = {1: stdout, 2: stderr}
        self._transport: asyncio.SubprocessTransport | None = None
        self._hanging_up: asyncio.TimerHandle | None = None

    async def stop(self) -> None:
        """Ask the whole group to end, insist after a second, and wait until it is gone. Idempotent."""
        if not self.ended.done():
            self._signal(signal.SIGTERM)
            await asyncio.wait({self.ended}, timeout=_GRACE)
            self._signal(signal.SIGKILL)
            await asyncio.wait({self.ended}, timeout=_GRACE)
        if self._transport is not None:
            self._transport.close()

    # --- called by the event loop ------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It runs."""
        self._transport = cast("asyncio.SubprocessTransport", transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """It wrote something."""
        if self.failure is not None:
            return
        try:
            self._feeds[fd](data)
        except DiscoveryError as error:
            self.failure = error
            self._signal(signal.SIGKILL)

    def process_exited(self) -> None:
        """It is gone. What it left behind goes too: it would hold the pipes open, and nobody would ever end it.

        What left the group cannot be ended; for its sake the pipes are not listened to for ever.
        """
        self._signal(signal.SIGKILL)
        self._hanging_up = asyncio.get_running_loop().call_later(_GRACE, self._hang_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone, and all pipes are read to their end."""
        del exc
        if self._hanging_up is not None:
            self._hanging_up.cancel()
        if not self.ended.done() and self._transport is not None:
            self.ended.set_result(self._transport.get_returncode() or 0)

    def _hang_up(self) -> None:
        for fd in self._feeds:
            pipe = self._transport.get_pipe_transport(fd) if self._transport is not None else None
            if pipe is not None:
                pipe.close()

    def _signal(self, number: signal.Signals) -> None:
        if self._transport is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._transport.get_pid(), number)


async def start(config: ExecConfig, stdout: Feed, stderr: Feed) -> Program:
    """Start the program. Raises ``DiscoveryError`` if it cannot be started."""
    # The one look at Narthex's own environment: names the operator chose, PATH if nothing else.
    inherited = {name: os.environ[name] for name in config.inherit_environment if name in os.environ}
    given = {name: value.reveal() for name, value in config.environment.items()}
    try:
        _, program = await asyncio.get_running_loop().subprocess_exec(
            lambda: Program(stdout, stderr),
            *bounded(config),
            stdin=asyncio.subprocess.DEVNULL,
            env=inherited | given,
            cwd=config.working_directory or None,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise DiscoveryError(f"the program {config.command[0]} cannot be started: {error}") from None
    return program


def bounded(config: ExecConfig) -> tuple[str, ...]:
    """The command line that runs the program within its limits; the command itself where there are none."""
    limits = []
    if config.memory_limit:
        limits.append(f"ulimit -v {max(1, config.memory_limit // 1024)} || exit 126")
    if config.cpu_limit:
        limits.append(f"ulimit -t {math.ceil(config.cpu_limit.seconds)} || exit 126")
    if not limits:
        return config.command
    return ("/bin/sh", "-c", "; ".join([*limits, 'exec "$@"']), config.command[0], *config.command)


def ending(status: int) -> str:
    """How a program ended, in words."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"
