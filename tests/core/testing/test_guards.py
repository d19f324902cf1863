"""Each guard finds what it is for, names it and its place, and finds nothing in ordinary work."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import time
import warnings

import pytest

from narthex.testing.guards import Guards
from narthex.testing.guards.blocking import BlockingGuard
from narthex.testing.guards.leaks import ThreadGuard
from narthex.testing.guards.network import NetworkRefusedError

pytestmark = pytest.mark.narthex_unguarded  # what guards find is made here on purpose

ELSEWHERE = "192.0.2.1"  # a documentation address (RFC 5737): nobody has it


@pytest.fixture(scope="module")
def network():
    """One guard for all tests, because its hook stays."""
    return Guards(["network"])


def watch(guard, *, during=lambda: None, **how):
    with Guards([guard]).watch(**how) as found:
        during()
    return [str(one) for one in found]


# --- network ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "named"),
    [
        (lambda one: one.connect((ELSEWHERE, 80)), f"a connection to {ELSEWHERE}"),
        (lambda one: one.connect_ex((ELSEWHERE, 80)), f"a connection to {ELSEWHERE}"),
        (lambda _: socket.getaddrinfo("www.example.com", 80), "a look-up of www.example.com"),
        (lambda _: socket.gethostbyname("www.example.com"), "a look-up of www.example.com"),
    ],
)
def test_what_leaves_the_machine_is_refused_with_address_and_place(network, what, named):
    with network.watch() as found, socket.socket() as one, pytest.raises(NetworkRefusedError):
        what(one)
    (finding,) = map(str, found)
    assert finding.startswith(f"guard/network: {named} refused, at ")
    assert f"{__file__}:" in finding


def test_datagrams_are_refused_too(network):
    with network.watch() as found, socket.socket(type=socket.SOCK_DGRAM) as one, pytest.raises(NetworkRefusedError):
        one.sendto(b"x", (ELSEWHERE, 53))
    assert f"a datagram to {ELSEWHERE}" in str(found[0])


async def test_the_task_that_tried_is_named(network):
    async def plugin():
        with pytest.raises(NetworkRefusedError):
            await asyncio.open_connection(ELSEWHERE, 80)

    with network.watch() as found:
        await asyncio.create_task(plugin(), name="the culprit")
    assert str(found[0]).endswith("in task 'the culprit'")
    assert "plugin" in str(found[0])


def test_loopback_and_literal_look_ups_are_free(network):
    with network.watch() as found, socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
        socket.create_connection(("localhost", server.getsockname()[1])).close()
        socket.getaddrinfo(ELSEWHERE, 80)
        with socket.socket(type=socket.SOCK_DGRAM) as one:
            one.sendto(b"x", ("127.3.2.1", 9))
    assert found == []


def test_the_allowed_networks_and_names_are_told_apart():
    from narthex.testing.guards.network import _sorted

    names, networks = _sorted(["224.0.0.251", "10.0.0.0/8", "Build.Example"])
    assert names == {"build.example"}
    assert [str(one) for one in networks] == ["224.0.0.251/32", "10.0.0.0/8"]


def test_nothing_is_refused_once_the_watch_is_over(network):
    with network.watch():
        pass
    with socket.socket() as one, pytest.raises(OSError) as caught:  # noqa: PT011
        one.connect(("127.0.0.1", 1))
    assert not isinstance(caught.value, NetworkRefusedError)


# --- blocking --------------------------------------------------------------------------------------------------------


class Moments:
    """A clock that a blocking function moves, and that tells when the watcher has had its look."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_a_blocked_loop_is_measured_and_the_frame_is_named():
    moments, found = Moments(), []
    guard = BlockingGuard(0.05, moments)

    def hold_the_loop():
        moments.now += 7.0
        (call,) = guard._running.values()
        end = time.monotonic() + 60
        while not call.place and time.monotonic() < end:
            time.sleep(0.01)

    async def plugin():
        hold_the_loop()

    with guard.watch(found):
        asyncio.run(plugin())
    (finding,) = found
    assert "(test_a_blocked_loop_is_measured_and_the_frame_is_named.<locals>.plugin) kept the event loop for 7.0 s" in (
        finding.what
    )
    assert finding.what.rpartition(" > ")[2].endswith("hold_the_loop")


def test_a_slow_moment_without_work_of_its_own_is_no_finding():
    """As when the machine is busy: time passes, but nobody saw the callback at work."""
    moments, found = Moments(), []

    async def innocent():
        moments.now += 7.0

    with BlockingGuard(5.0, moments).watch(found):
        asyncio.run(innocent())
    assert found == []


def test_a_garbage_collection_is_not_held_against_whom_it_interrupts(monkeypatch):
    moments, found = Moments(), []

    def long_collection(phase, _):
        moments.now += 7.0 * (phase == "stop")

    async def unlucky():
        gc.callbacks.insert(0, long_collection)
        try:
            gc.collect()
        finally:
            gc.callbacks.remove(long_collection)

    monkeypatch.setattr(time, "thread_time", moments)
    with BlockingGuard(5.0, moments).watch(found):
        asyncio.run(unlucky())
    assert moments.now >= 7.0
    assert found == []


def test_quick_callbacks_are_no_findings():
    assert watch("blocking", during=lambda: asyncio.run(asyncio.sleep(0))) == []


# --- leaks -----------------------------------------------------------------------------------------------------------


def test_a_task_that_its_loop_would_cancel_is_named_with_its_place():
    async def forgotten():
        await asyncio.Event().wait()

    kept = []

    async def plugin():
        kept.append(asyncio.create_task(forgotten(), name="stray"))
        await asyncio.sleep(0)

    (finding,) = watch("tasks", during=lambda: asyncio.run(plugin()))
    assert finding.startswith("guard/tasks: task 'stray' (")
    assert f"forgotten at {__file__}:" in finding


def test_a_task_that_is_about_to_end_is_no_leak():
    kept = []

    async def short():
        await asyncio.sleep(0)

    async def plugin():
        kept.append(asyncio.create_task(short()))

    assert watch("tasks", during=lambda: asyncio.run(plugin())) == []


def test_a_thread_is_named():
    rest = threading.Event()
    stray, found = threading.Thread(target=rest.wait, name="stray", daemon=True), []
    with ThreadGuard(0.1).watch(found):
        stray.start()
    rest.set()
    stray.join()
    assert [str(one) for one in found] == ["guard/threads: thread 'stray' was left running"]


def test_a_thread_that_is_about_to_end_is_no_leak():
    assert watch("threads", during=threading.Thread(target=time.sleep, args=(0.05,)).start) == []


def test_an_open_socket_is_named_with_its_ends():
    kept = []
    (finding,) = watch("sockets", during=lambda: kept.append(socket.create_server(("127.0.0.1", 0))))
    port = kept[0].getsockname()[1]
    kept[0].close()
    assert finding == f"guard/sockets: a SOCK_STREAM AF_INET socket (127.0.0.1:{port}) was left open"


def test_a_socket_that_was_there_before_is_nobodys_leak():
    with socket.create_server(("127.0.0.1", 0)):
        assert watch("sockets") == []


def test_guards_can_be_chosen_and_switched_off():
    with pytest.raises(ValueError, match="unknown guard 'noise'"):
        Guards(["noise"])
    kept = []
    leak = lambda: kept.append(socket.create_server(("127.0.0.1", 0)))  # noqa: E731
    assert watch("sockets", during=leak, off=["sockets"]) == []
    assert watch("threads", during=leak) == []
    for one in kept:
        one.close()


def test_a_socket_that_only_the_garbage_collector_closes_is_a_leak():
    class Holder:
        """Refers to itself, so that it lives until a collection."""

    def leak():
        one = Holder()
        one.itself, one.socket = one, socket.create_server(("127.0.0.1", 0))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        (finding,) = watch("sockets", during=leak)
    assert finding.endswith("was left to the garbage collector to close")
