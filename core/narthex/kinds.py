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

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import logging
    from pathlib import Path

    import click
    from aiohttp import web
    from prometheus_client import CollectorRegistry

    from narthex.clock import Clock
    from narthex.model.alert import Alert
    from narthex.model.columnrule import ColumnRule
    from narthex.model.targetgroup import TargetGroup
    from narthex.storage.protocol import Storage, StoredData

__all__ = [
    "ActionRule",
    "ArgumentType",
    "BuildContext",
    "Command",
    "CompiledAction",
    "Discoverer",
    "DiscoveryKind",
    "Notification",
    "ParseOptions",
    "PromqlFunction",
    "Publish",
    "Receiver",
    "ReceiverKind",
    "RelabelAction",
    "ScrapeKind",
    "Stability",
    "StorageKind",
    "TemplateFunction",
    "WebRoute",
]

Stability = Literal["provisional", "stable"]


def _unheard(_part: str, _reason: str) -> None:
    """Where nobody shows the state of a discoverer."""


ArgumentType = Literal["scalar", "vector", "matrix", "string"]
"""A type of PromQL under the name that the API gives it; ``matrix`` is a range vector."""


@dataclass(frozen=True, slots=True)
class BuildContext:
    """What the core hands to every builder; builders do no I/O.

    ``name`` is the running instance's name for logs and metrics, such as ``file/0`` of job ``node``; ``job`` is the
    first job that uses it, as metrics name it, or ``""`` where there are no jobs. ``data`` is a directory the instance
    may keep files in, made on demand, or None where the server keeps no data. With ``skip_bad_entries`` a discoverer
    is to leave out single entries of an answer that it cannot use, instead of refusing the answer.

    ``trouble(part, reason)`` is for discoverers with several sources, such as files or names, of which one may fail
    while the others go on: it shows the block as *degraded*, with the reason, wherever discovery's state is shown. An
    empty reason says that the part works again. Telling the same twice does no harm; a new run starts without
    troubles. It may be called from any thread, and does not log. Where everything fails, raise.
    """

    name: str
    clock: Clock
    log: logging.LoggerAdapter[logging.Logger]
    registry: CollectorRegistry
    data: Path | None = None
    job: str = ""
    skip_bad_entries: bool = False
    trouble: Callable[[str, str], None] = _unheard


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
    returns the function. ``columns(rule)``, which may be left out, says what that function does
    (:mod:`narthex.model.columnrule`) or None, so that many targets can be relabelled at once.
    """

    name: str
    compile: Callable[[ActionRule], CompiledAction]
    check: Callable[[ActionRule, bool], Iterable[tuple[str, str]]] = lambda _rule, _legacy: ()
    columns: Callable[[ActionRule], ColumnRule | None] | None = None
    stability: Stability = "provisional"
    summary: str = ""


# --- scraping --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ParseOptions:
    """What a job wants of an exposition, beyond the plain reading of a body.

    * ``enable_type_and_unit_labels``: add ``__type__`` and ``__unit__`` from the metadata that stands above a sample.
    * ``skip_start_timestamp_series``: drop OpenMetrics ``_created`` samples and give them to their siblings as start
      timestamps.
    * ``ignore_native_histograms``: read a native histogram as the classic one that may stand beside it.
    * ``convert_classic_histograms_to_nhcb``: make native histograms with custom buckets of classic ones.
    * ``keep_classic_on_classic_and_native_histograms``: where there is a native histogram, or one was made, give the
      classic one too.
    """

    enable_type_and_unit_labels: bool = False
    skip_start_timestamp_series: bool = False
    ignore_native_histograms: bool = False
    convert_classic_histograms_to_nhcb: bool = False
    keep_classic_on_classic_and_native_histograms: bool = False


@dataclass(frozen=True, slots=True)
class ScrapeKind:
    """A body format: which media types it reads, how it is asked for, and its parser.

    ``protocols`` maps a name of ``scrape_protocols`` to its ``Accept`` entry (without ``q``), ``media_types`` are the
    base media types that choose this parser. ``line_oriented`` says that a sample is one line that can be told from its
    neighbours without context, which lets the series cache compare bodies line by line.
    ``parse(body, content_type)`` returns the entries and raises ``ExpositionError``. ``timestamp`` reads the text
    behind a value as ms since the epoch, None for anything else; it spares lines with timestamps the parser.
    ``configured``, where a format has options, gives the kind that reads a body as a job wants it; the kind itself must
    read it as Prometheus does by default.
    """

    name: str
    protocols: tuple[tuple[str, str], ...]
    media_types: tuple[str, ...]
    parse: Callable[[bytes, str], Sequence[Any]]
    line_oriented: bool = False
    timestamp: Callable[[bytes], int | None] | None = None
    configured: Callable[[ParseOptions], ScrapeKind] | None = None
    stability: Stability = "provisional"
    summary: str = ""


# --- storage ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StorageKind:
    """A place where samples live; ``build(config, context)`` returns a :class:`narthex.storage.protocol.Storage`.

    ``read(path)``, where a kind has it, opens a data directory for reading, without a lock and beside a server that may
    be writing to it; it returns a :class:`narthex.storage.protocol.StoredData` (``narthex.open`` is made of it).
    ``reloadable`` names fields of ``config`` that may change while the storage is in use: then it is a
    :class:`narthex.storage.protocol.Reconfigurable`. A change of any other needs a restart.
    """

    name: str
    config: type[Any]
    build: Callable[[Any, BuildContext], Storage]
    requires: tuple[str, ...] = ()
    extra: str = ""
    stability: Stability = "provisional"
    summary: str = ""
    read: Callable[[Path], StoredData] | None = None
    reloadable: tuple[str, ...] = ()


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


# --- the languages ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PromqlFunction:
    """A function of PromQL, computed for all series and all steps at once, as the functions of the language are.

    ``args`` are the types of the arguments. With ``variadic`` 0 they stand exactly as listed; with n > 0 the last one
    is optional and up to n of its type may stand there; with -1 any number may.

    ``over`` says what ``compute`` is given; K is the number of steps, n that of series:

    * ``values``: the values of an instant vector (the first argument), float64 ``[K, n]``, then the other arguments,
      all scalars, float64 ``[K, 1]`` each. It returns float64 ``[K, n]`` and decides each cell by itself: cells without
      a sample hold anything. The metric name is taken away, and so are native histograms.
    * ``windows``: a :class:`narthex.promql.engine.window.Window`, for the one argument that is a range vector, then
      the others, all scalars, ``[K, 1]`` each. It returns float64 ``[K, n]`` and where there is a result, bool
      ``[K, n]`` or None for everywhere. The metric name is taken away; native histograms in windows are left out.
    * ``call``: a :class:`narthex.promql.engine.functions.registry.Invocation`, which evaluates the arguments. It
      returns a :class:`narthex.promql.engine.vector.Vector`, or float64 ``[K]`` where ``returns`` is ``scalar``; names
      are its own business.

    ``compute`` is pure and must not change the arrays that it is given. What it raises fails the query with the
    plugin's name; ``QueryError`` fails it with the error's own text.
    """

    name: str
    args: tuple[ArgumentType, ...]
    compute: Callable[..., Any]
    over: Literal["values", "windows", "call"] = "values"
    returns: Literal["vector", "scalar"] = "vector"
    variadic: int = 0
    stability: Stability = "provisional"
    summary: str = ""


@dataclass(frozen=True, slots=True)
class TemplateFunction:
    """A function that the templates of alerts may call.

    ``params`` are Go's types: ``any`` takes everything; ``string``, ``int``, ``float64`` and ``bool`` are checked
    before the call. ``rest`` is the type of any number of further arguments; ``""`` allows none. What ``call`` raises
    stands in the alert's text in place of the template's result, with the plugin's name.
    """

    name: str
    call: Callable[..., Any]
    params: tuple[str, ...] = ()
    rest: str = ""
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


# --- commands --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Command:
    """A command or a group of commands: kind ``lake`` is typed as ``narthex lake``.

    ``build()`` imports and returns the click command; it is called when the command is used. ``name`` may hold hyphens.
    ``summary`` is its line of ``narthex --help``. The command's ``ctx.obj`` is the :class:`narthex.cli.app.App`, the
    way to the plugins and the environment; an integer that it returns is the exit status.
    """

    name: str
    build: Callable[[], click.Command]
    stability: Stability = "provisional"
    summary: str = ""
