"""The frozen descriptions that hooks return: one dataclass for each stage, a name, a config type and a builder.

A kind describes; the object it builds does the work. So pluggy is called at start only, configuration is
parsed by the core from the ``config`` dataclass (:mod:`narthex.config.types` has the field types), and everything about
a kind can be listed without importing what it needs: name the packages in ``requires`` and the extra that brings them,
and import them inside ``build``.

Fields that most kinds share:

* ``name``: lower-case letters, digits and ``_``, a letter first; unique among the kinds of its stage.
* ``config``: a frozen dataclass that compares by value; its fields, types and defaults are the configuration's schema.
* ``build``: a plain function (or a class) that returns the object at work. No I/O; import ``requires`` here.
* ``requires``: packages that ``build`` imports. Where one is missing the kind is listed with the command that installs
  it, and only a configuration that uses the kind is refused.
* ``extra``: the extra of the plugin's own distribution that brings those packages; named in that command.
* ``stability``: ``stable`` kinds change only with a new major version; ``provisional`` ones may change with any.
* ``summary``: one line for listings.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import logging
    from pathlib import Path

    from aiohttp import web
    from prometheus_client import CollectorRegistry

    from narthex.clock import Clock
    from narthex.model.alert import Alert
    from narthex.model.targetgroup import TargetGroup
    from narthex.storage.protocol import Storage

__all__ = [
    "ActionRule",
    "BuildContext",
    "CompiledAction",
    "Discoverer",
    "DiscoveryKind",
    "Notification",
    "Publish",
    "Receiver",
    "ReceiverKind",
    "RelabelAction",
    "ScrapeKind",
    "Stability",
    "StorageKind",
    "WebRoute",
]

Stability = Literal["provisional", "stable"]


@dataclass(frozen=True, slots=True)
class BuildContext:
    """What the core hands to every builder; builders do no I/O.

    ``name`` is the running instance's name for logs and metrics, such as ``file/0`` of job ``node``; ``job`` is the
    first job that uses it, as metrics name it, or ``""`` where there are no jobs. ``data`` is a directory the instance
    may keep files in, made on demand, or None where the server keeps no data. With ``skip_bad_entries`` a discoverer
    is to leave out single entries of an answer that it cannot use, instead of refusing the answer.
    """

    name: str
    clock: Clock
    log: logging.LoggerAdapter[logging.Logger]
    registry: CollectorRegistry
    data: Path | None = None
    job: str = ""
    skip_bad_entries: bool = False


# --- discovery -------------------------------------------------------------------------------------------------------

Publish = Callable[[Sequence["TargetGroup"]], None]
"""Hands groups to the supervisor: a cheap, synchronous call that never waits."""


class Discoverer(Protocol):
    """Finds targets until it is cancelled.

    ``run`` publishes the full set first, then the full set or the groups that changed. A group replaces its source, one
    without targets retracts it. Returning means finished: the groups stay. Raising means failed: the groups stay, and
    ``run`` is called again after a delay. On cancellation ``run`` returns within the grace period, and leaves no task
    or thread behind. Raise rather than publish part of an answer.
    """

    async def run(self, publish: Publish) -> None:
        """Discover until cancelled."""


@dataclass(frozen=True, slots=True)
class DiscoveryKind:
    """A way to find targets. Kind ``cmdb`` is configured as ``cmdb_sd_configs``; ``static`` as ``static_configs``.

    ``build`` takes the parsed configs and a context. It gets one config, unless ``merge`` is set: then all blocks of
    a job reach one discoverer together, as ``static_configs`` do. ``deliberate`` tells that a removal is said on
    purpose, by whoever edits a file or by the service itself, so that it is not held by default as an answer that lacks
    most of the fleet is (docs/explanation/discovery-safety.md).
    """

    name: str
    config: type[Any]
    build: Callable[[Any, BuildContext], Discoverer]
    merge: bool = False
    deliberate: bool = False
    requires: tuple[str, ...] = ()
    extra: str = ""
    stability: Stability = "provisional"
    summary: str = ""

    @property
    def key(self) -> str:
        """The key that configures the kind."""
        return "static_configs" if self.name == "static" else f"{self.name}_sd_configs"


# --- relabeling ------------------------------------------------------------------------------------------------------


class ActionRule(Protocol):
    """A relabel rule as configured (:class:`narthex.config.relabel.RelabelConfig`); what an action compiles."""

    @property
    def source_labels(self) -> tuple[str, ...]:
        """Labels whose values are joined."""

    @property
    def separator(self) -> str:
        """What stands between the joined values."""

    @property
    def regex(self) -> str | None:
        """The expression, or None where the default applies."""

    @property
    def modulus(self) -> int:
        """The modulus of ``hashmod``; 0 where not given."""

    @property
    def target_label(self) -> str:
        """The label that is written or compared; ``""`` where not given."""

    @property
    def replacement(self) -> str:
        """The template for the new value or name."""

    @property
    def action(self) -> str:
        """The action's name, in lower case."""


CompiledAction = Callable[[dict[str, str]], "dict[str, str] | None"]
"""Takes the labels, may change and return them; None drops the target. Called per target or series."""


@dataclass(frozen=True, slots=True)
class RelabelAction:
    """An action of relabel rules.

    ``check(rule, legacy_names)`` yields ``(key, what is wrong)`` for a rule as configured, so that ``compile`` cannot
    fail; ``legacy_names`` tells that label names are restricted to ``[a-zA-Z_][a-zA-Z0-9_]*``. ``compile(rule)``
    returns the function.
    """

    name: str
    compile: Callable[[ActionRule], CompiledAction]
    check: Callable[[ActionRule, bool], Sequence[tuple[str, str]]] = lambda _rule, _legacy: ()
    stability: Stability = "provisional"
    summary: str = ""


# --- scraping --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ScrapeKind:
    """A body format: which media types it reads, how it is asked for, and its parser.

    ``protocols`` maps a name of ``scrape_protocols`` to its ``Accept`` entry (without ``q``), ``media_types`` are the
    base media types that choose this parser. ``line_oriented`` says that a sample is one line that can be told from its
    neighbours without context, which lets the series cache compare bodies line by line.
    ``parse(body, content_type)`` returns the entries and raises ``ExpositionError``. ``timestamp`` reads the text
    behind a value as ms since the epoch, None for anything else; it spares lines with timestamps the parser.
    """

    name: str
    protocols: tuple[tuple[str, str], ...]
    media_types: tuple[str, ...]
    parse: Callable[[bytes, str], Sequence[Any]]
    line_oriented: bool = False
    timestamp: Callable[[bytes], int | None] | None = None
    stability: Stability = "provisional"
    summary: str = ""


# --- storage ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StorageKind:
    """A place where samples live; ``build(config, context)`` returns a :class:`narthex.storage.protocol.Storage`."""

    name: str
    config: type[Any]
    build: Callable[[Any, BuildContext], Storage]
    requires: tuple[str, ...] = ()
    extra: str = ""
    stability: Stability = "provisional"
    summary: str = ""


# --- receiving alerts ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Notification:
    """Alerts for one receiver, sent as one message. ``external_url`` is this server's address as users see it."""

    receiver: str
    alerts: Sequence[Alert]
    external_url: str = ""


class Receiver(Protocol):
    """Takes alerts. The core owns queueing, batching and repetition; ``send`` tries once."""

    async def send(self, notification: Notification, deadline: float) -> None:
        """Deliver before ``deadline`` (monotonic seconds). Raises ``NotifyError`` on failure."""

    async def close(self) -> None:
        """Free connections; no ``send`` follows."""


@dataclass(frozen=True, slots=True)
class ReceiverKind:
    """A way to hand alerts over. Kind ``webhook`` is configured as ``webhook_configs`` of a receiver."""

    name: str
    config: type[Any]
    build: Callable[[Any, BuildContext], Receiver]
    requires: tuple[str, ...] = ()
    extra: str = ""
    stability: Stability = "provisional"
    summary: str = ""


# --- web -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WebRoute:
    """A page or API path of its own: ``handle(request, server)`` is called on the event loop.

    ``server`` is the read-only view of the running server (:class:`narthex.web.view.ServerView`).
    """

    method: str
    path: str
    handle: Callable[[web.Request, Any], Awaitable[web.StreamResponse]]
    summary: str = ""
