"""The parent: starts the child, waits with a limit, and goes on behind whatever hung or killed it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

from narthex.errors import NarthexError, UsageError
from narthex.testing.conform.report import KindReport, Report
from narthex.testing.rule import Verdict

__all__ = ["examine"]

_LOADING = 180.0  # seconds at least for importing what may be large
_DUMPING = 10.0  # seconds for faulthandler to write where it hung
_FRAME = re.compile(r'File "(.+)", line (\d+) in (.+)')
_TAIL = 2000

Progress = Callable[[int, int], None]


def examine(
    distribution: str, shipped: str = "", *, seconds: float = 180.0, progress: Progress = lambda _done, _all: None
) -> Report:
    """Try every rule on an installed distribution. ``seconds`` is how long a rule may take.

    ``shipped`` names the function that returns what ships, as ``module:function``. ``progress`` is told how many rules
    of how many were tried. Raises ``UsageError`` where there is no such distribution.
    """
    run = _Run(distribution, shipped, seconds, progress)
    while not run.is_done:
        run.go_on()
    return run.report()


@dataclass(slots=True)
class _Run:
    distribution: str
    shipped: str
    seconds: float
    progress: Progress
    name: str = ""
    version: str = ""
    trials: list[Mapping[str, Any]] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    found: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    off: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    is_done: bool = False
    begun: int = -1

    def go_on(self) -> None:
        """One child: until it is done, or hangs, or dies."""
        with tempfile.TemporaryFile() as errors, _child(self._command(), errors) as process:
            assert process.stdout is not None
            what = ""
            try:
                for event in _events(process.stdout, self._patience):
                    self._take(event)
            except TimeoutError:
                process.send_signal(signal.SIGABRT)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_DUMPING)
                what = f"was not done after {self._patience():g} s"
            else:
                status = process.wait()
                what = f"ended the process with status {status}" if status >= 0 else f"died of signal {-status}"
            if not self.is_done:
                self._blame(what, errors)

    def _command(self) -> list[str]:
        return [
            sys.executable, "-m", "narthex.testing.conform.child", self.distribution,
            f"--shipped={self.shipped}", f"--after={len(self.verdicts)}",
        ]  # fmt: skip

    def _patience(self) -> float:
        """Loading takes its time; a rule is given what it was promised, and a little to say so itself."""
        return self.seconds if self.begun >= 0 else max(_LOADING, self.seconds)

    def _take(self, event: Mapping[str, Any]) -> None:
        kind = event["event"]
        if kind == "absent":
            raise UsageError(event["what"])
        if kind == "plan":
            self.name, self.version, self.trials = event["distribution"], event["version"], event["trials"]
        elif kind == "begin":
            self.begun = event["number"]
        elif kind == "end":
            trial = self.trials[event["number"]]
            self.verdicts.append(Verdict(**event["verdict"]))
            found = self.found.setdefault((trial["stage"], trial["kind"]), {})
            self.off[trial["stage"], trial["kind"]] = event["off"]
            for one in event["guards"]:
                found.setdefault(one["guard"], f"{one['what']} (during {trial['rule']})")
            self.begun = -1
            self.progress(len(self.verdicts), len(self.trials))
        else:
            self.is_done = True

    def _blame(self, what: str, errors: IO[bytes]) -> None:
        """The rule that was being tried gets the verdict; without one, loading the plugin was the end of it."""
        errors.seek(0)
        text = errors.read().decode(errors="replace")
        where = _place(text) or _last_line(text)
        if self.begun < 0:
            if self.trials and len(self.verdicts) >= len(self.trials):
                self.is_done = True  # all was said; it died on its way out
                return
            if self.verdicts:
                raise NarthexError(f"the examination {what} between two rules{where}: {text[-_TAIL:]}")
            self.verdicts = [Verdict("plugin/loads", "broken", f"loading it {what}{where}")]
            self.trials = [{"stage": "", "kind": self.distribution, "plugin": "", "rule": "plugin/loads"}]
            self.is_done = True
            return
        self.verdicts.append(Verdict(self.trials[self.begun]["rule"], "broken", f"{what}{where}"))
        self.begun = -1
        self.is_done = len(self.verdicts) == len(self.trials)

    def report(self) -> Report:
        """The verdicts by kind."""
        kinds: dict[tuple[str, str], KindReport] = {}
        for trial, verdict in zip(self.trials, self.verdicts, strict=True):
            key = trial["stage"], trial["kind"]
            kinds.setdefault(key, KindReport(*key, trial["plugin"])).verdicts.append(verdict)
        for key, kind in kinds.items():
            kind.add_guards(self.found.get(key, {}), self.off.get(key, ()))
        return Report(self.name or self.distribution, self.version, list(kinds.values()))


@contextlib.contextmanager
def _child(command: list[str], errors: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """A child in a process group of its own, which is ended whole."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen(  # noqa: S603 -- ourselves
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=errors,
        env=environment,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _events(stream: IO[bytes], patience: Callable[[], float]) -> Iterator[Mapping[str, Any]]:
    """The child's lines, each waited for so long at most. Raises ``TimeoutError``."""
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        end = time.monotonic() + patience()
        while True:
            if not selector.select(max(0.0, end - time.monotonic())):
                raise TimeoutError
            data = os.read(stream.fileno(), 1 << 16)
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                yield json.loads(line)
            if lines:
                end = time.monotonic() + patience()


def _last_line(text: str) -> str:
    """The last line that the child wrote, such as the error of a traceback."""
    lines = text.split("\n")
    return next((f": {one.strip()[:200]}" for one in reversed(lines) if one.strip()), "")


def _place(text: str) -> str:
    """Where the interpreter was, from what faulthandler wrote: the innermost call of the thread that was at work."""
    current = text.rpartition("Current thread")[2] if "Current thread" in text else ""
    found = _FRAME.search(current)
    return f", at {found[1]}:{found[2]} {found[3]}" if found else ""
