"""The pytest plugin: fixtures, and guards around every test. Opt-in, and cheap to import.

Put ``pytest_plugins = ["narthex.testing.plugin"]`` into the root ``conftest.py``, or run ``pytest -p
narthex.testing.plugin``. What the guards find in a test fails it; what is found once its fixtures are torn down is an
error of the test. Options of the ini file: ``narthex_guards``, ``narthex_block_limit``, ``narthex_network_allow``; a
test is spared with the markers ``narthex_unguarded(*guards)`` and ``narthex_network(*allowed)``.

Fixtures of higher scopes than a function are set up before the guards look and torn down after, so a server that all
tests share leaks nothing; what a test makes such a fixture open later is the test's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Literal

import pytest

from narthex.testing.guards import GUARDS, Finding, Guards

if TYPE_CHECKING:
    from narthex.kinds import BuildContext
    from narthex.testing.clock import FakeClock
    from narthex.testing.consul import FakeConsul
    from narthex.testing.discovery import Recorder
    from narthex.testing.http import FakeHttp
    from narthex.testing.resolver import FakeResolver

__all__ = ["FIXTURES", "MARKERS", "OPTIONS"]

OPTIONS: Mapping[str, tuple[Literal["args", "string"], str | list[str], str]] = {
    "narthex_guards": ("args", list(GUARDS), "the guards that watch tests"),
    "narthex_block_limit": ("string", "2.0", "seconds for which a callback may keep the event loop"),
    "narthex_network_allow": ("args", [], "addresses, networks and names beyond loopback that tests may reach"),
}
"""Options of the ini file: their type, default and meaning."""

MARKERS = {
    "narthex_unguarded(*guards)": "these guards do not watch the test; without names, none does",
    "narthex_network(*allowed)": "the test may reach these addresses, networks and names too",
}

_GUARDS: pytest.StashKey[Guards] = pytest.StashKey()
_FOUND: pytest.StashKey[list[Finding]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the ini file."""
    for name, (kind, default, help_text) in OPTIONS.items():
        parser.addini(name, help_text, type=kind, default=default)


def pytest_configure(config: pytest.Config) -> None:
    """The markers, and the one set of guards. Raises ``UsageError`` for a guard that there is not."""
    for name, meaning in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")
    try:
        config.stash[_GUARDS] = Guards(
            config.getini("narthex_guards"),
            block_limit=float(config.getini("narthex_block_limit")),
            allowed=config.getini("narthex_network_allow"),
        )
    except ValueError as error:
        raise pytest.UsageError(f"narthex.testing: {error}") from error


# The guards are a fixture because only fixtures know when those of a test are torn down; autouse ones of plugins are
# the first to be set up and the last to be torn down. What is found before that fails the test itself, below.


@pytest.fixture(autouse=True)
def _narthex_guards(request: pytest.FixtureRequest) -> Iterator[None]:
    item = request.node
    off = [guard for mark in item.iter_markers("narthex_unguarded") for guard in mark.args or GUARDS]
    allowed = [one for mark in item.iter_markers("narthex_network") for one in mark.args]
    with request.config.stash[_GUARDS].watch(off=off, allowed=allowed) as found:
        item.stash[_FOUND] = found
        yield
    if found:
        pytest.fail(_text(found), pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail the test for what was found while it ran; its own failure, if any, goes first."""
    result = yield
    if found := item.stash.get(_FOUND, []):
        text = _text(found)
        found.clear()
        pytest.fail(text, pytrace=False)
    return result


def _text(found: list[Finding]) -> str:
    return "\n".join(map(str, found))


# --- fixtures --------------------------------------------------------------------------------------------------------


@pytest.fixture
def fake_clock() -> FakeClock:
    """A clock that stands still until the test moves it."""
    from narthex.testing.clock import FakeClock

    return FakeClock()


@pytest.fixture
def fake_resolver() -> FakeResolver:
    """A resolver that knows the names it is given, and asks nobody."""
    from narthex.testing.resolver import FakeResolver

    return FakeResolver()


@pytest.fixture
def recorder() -> Recorder:
    """Takes what a discoverer publishes, checks it, and knows the groups in force."""
    from narthex.testing.discovery import Recorder

    return Recorder()


@pytest.fixture
def build_context() -> Callable[..., BuildContext]:
    """A function that makes contexts for builders: ``build_context("cmdb/0", clock)``."""
    from narthex.testing.discovery import build_context

    return build_context


@pytest.fixture
async def fake_http() -> AsyncIterator[FakeHttp]:
    """An HTTP server on loopback that answers as it is told. Async: needs pytest-asyncio in auto mode, or anyio."""
    from narthex.testing.http import FakeHttp

    async with FakeHttp() as server:
        yield server


@pytest.fixture
async def fake_consul() -> AsyncIterator[FakeConsul]:
    """A Consul server on loopback. Async, as ``fake_http`` is."""
    from narthex.testing.consul import FakeConsul

    async with FakeConsul() as server:
        yield server


FIXTURES = ("fake_clock", "fake_resolver", "recorder", "build_context", "fake_http", "fake_consul")
"""The names of the fixtures, for the reference page."""
