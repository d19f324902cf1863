"""Real servers on loopback for end-to-end tests: started on free ports, waited for by condition, stopped by process."""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
from tests.waiting import PATIENCE

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
_FIRST, _COUNT = 20_000, 12_000  # below the ephemeral range, which outgoing connections take from
_PORTS = (_FIRST + number % _COUNT for number in itertools.count(time.time_ns() // 1000 % _COUNT))


def free_port() -> int:
    """A port that nothing listens on, that no outgoing connection will take, and that is not given out again."""
    for port in itertools.islice(_PORTS, _COUNT):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free port")


def program(name: str) -> str:
    """The path of a server's program; skips the test, saying so, where it is not installed."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian package of that name)")
    return found


def until(what: str, condition: Callable[[], T | None], patience: float = PATIENCE) -> T:
    """Wait for a condition and return what it gave; fails with ``what`` was waited for."""
    deadline = time.monotonic() + patience
    last: BaseException | None = None
    while time.monotonic() < deadline:
        try:
            found = condition()
        except (OSError, urllib.error.URLError, ValueError, KeyError, IndexError) as error:
            found, last = None, error
        if found:
            return found
        time.sleep(0.05)  # the poll interval of a wait for a condition
    raise AssertionError(f"waited {patience:g} s for: {what}" + (f" (last: {last!r})" if last else ""))


def fetch(url: str, method: str = "GET") -> bytes:
    """The body of a 2xx answer; raises ``HTTPError`` for others."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=PATIENCE) as answer:
            body: bytes = answer.read()
            return body
    except urllib.error.HTTPError as error:
        error.close()  # it holds the connection
        raise


def get(url: str, **params: str) -> Any:
    """GET a JSON document."""
    return json.loads(fetch(f"{url}?{urllib.parse.urlencode(params)}" if params else url))


class Server:
    """One running process, with its log."""

    def __init__(self, argv: Sequence[str], log: Path, port: int) -> None:
        self.log = log
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._log = log.open("ab")
        self.process = subprocess.Popen(list(argv), stdout=self._log, stderr=subprocess.STDOUT, cwd=log.parent)

    def wait_for(self, path: str) -> Server:
        """Wait until ``path`` answers 200. A server that does not get there is killed."""

        def answers() -> bool:
            assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.log.read_text()[-3000:]}"
            fetch(self.url + path)
            return True

        try:
            until(f"{self.url}{path}", answers)
        except BaseException:
            self.stop(signal.SIGKILL)
            raise
        return self

    def query(self, text: str) -> list[Any]:
        """The result of an instant query."""
        result = get(f"{self.url}/api/v1/query", query=text)["data"]["result"]
        assert isinstance(result, list)
        return result

    def stop(self, sig: int = signal.SIGTERM) -> int:
        """Signal this process, wait for it, and return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(sig)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._log.close()
        return self.process.returncode


@contextlib.contextmanager
def serving(argv: Sequence[str], log: Path, port: int, ready: str) -> Iterator[Server]:
    """A server for the length of a ``with`` block."""
    server = Server(argv, log, port)
    try:
        yield server.wait_for(ready)
    finally:
        server.stop()


def narthex(config: Path, data: Path, port: int, *flags: str) -> Server:
    """Narthex as a user starts it, in a process of its own."""
    argv = [
        sys.executable,
        "-c",
        "from narthex_plugins.standard import main; raise SystemExit(main())",
        "run",
        f"--config.file={config}",
        f"--storage.tsdb.path={data}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-lifecycle",
        *flags,
    ]
    return Server(argv, config.parent / "narthex.log", port)
