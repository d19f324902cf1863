"""Every hook of Narthex: the contract with plugin authors.

All hooks are *contribution* hooks. They share these rules:

* **When.** Each is called once for each process that needs plugins (``run``, ``check``, ``plugins``), on the main
  thread, before anything runs; a reload of the configuration does not call it again.
* **How.** They are plain functions without arguments that return an iterable of frozen kinds (:mod:`narthex.kinds`).
  An ``async def``, a generator of more than 1,000 kinds and a ``wrapper=True`` are refused.
* **What a hook must not do.** No I/O, and no import of an optional package: kinds are listed on machines that lack it.
* **Failure.** What raises, ``SystemExit`` included, or returns something else is reported with plugin, distribution and
  version, and left out. Everybody else's contributions stay.
* **Conflict.** Two plugins that contribute the same name are a start-up error that names both distributions.
* **Unknown hooks.** A function marked as a hook that is not listed here refuses the whole plugin, unless it says
  ``@hookimpl(optionalhook=True)``: a plugin for a newer Narthex must not run half. So does a function that bears the
  name of a hook and is not marked.

A plugin is a module (or object) with functions marked by :data:`narthex.hookimpl`, announced by an entry point of the
group ``narthex`` in its distribution's metadata. The examples below are whole plugins; the test suite runs each.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from narthex.kinds import (
        Command,
        DiscoveryKind,
        PromqlFunction,
        ReceiverKind,
        RelabelAction,
        ScrapeKind,
        StorageKind,
        TemplateFunction,
        WebRoute,
    )

__all__ = [
    "narthex_commands",
    "narthex_discovery_kinds",
    "narthex_promql_functions",
    "narthex_receiver_kinds",
    "narthex_relabel_actions",
    "narthex_scrape_kinds",
    "narthex_storage_kinds",
    "narthex_template_functions",
    "narthex_web_routes",
]

hookspec = pluggy.HookspecMarker("narthex")


@hookspec
def narthex_discovery_kinds() -> Iterable[DiscoveryKind]:
    """Ways to find targets, usable as ``<name>_sd_configs`` in scrape configs and Alertmanager configs.

    ``build`` is called for each new block of the configuration; equal blocks share one discoverer. Discoverers run on
    an event loop apart from the one of the scrapes. When ``run`` raises, the groups published before stay in force and
    it is called again after a growing delay. What ``build`` raises is reported, and so is a discoverer that blocks its
    loop; everybody else's run on.

    Example::

        from dataclasses import dataclass

        from narthex import hookimpl
        from narthex.kinds import DiscoveryKind
        from narthex.model.targetgroup import TargetGroup


        @dataclass(frozen=True)
        class RackConfig:
            rack: str
            port: int = 9100


        class RackDiscoverer:
            def __init__(self, config, context):
                self.config = config

            async def run(self, publish):
                hosts = [f"{self.config.rack}-{unit}.example:{self.config.port}" for unit in range(1, 43)]
                targets = tuple({"__address__": host} for host in hosts)
                publish([TargetGroup(self.config.rack, targets, {"__meta_rack_name": self.config.rack})])


        @hookimpl
        def narthex_discovery_kinds():
            return [DiscoveryKind(name="rack", config=RackConfig, build=RackDiscoverer, summary="The units of a rack")]
    """
    return ()


@hookspec
def narthex_relabel_actions() -> Iterable[RelabelAction]:
    """Actions for ``relabel_configs``, ``metric_relabel_configs`` and ``alert_relabel_configs``.

    ``check`` is called when a configuration is read, ``compile`` once for each rule after that. The compiled function
    is called for each target, alert or series text, on the event loop: it must be fast, pure and total. What it raises
    fails that one target or scrape, with the plugin's name.

    Example::

        from narthex import hookimpl
        from narthex.kinds import RelabelAction


        def compile_reverse(rule):
            def reverse(labels):
                value = rule.separator.join(labels.get(name, "") for name in rule.source_labels)
                labels[rule.target_label] = ".".join(reversed(value.split(".")))
                return labels

            return reverse


        def check_reverse(rule, legacy_names):
            if not rule.target_label:
                yield "target_label", "the reverse action needs a target_label"


        @hookimpl
        def narthex_relabel_actions():
            return [RelabelAction(name="reverse", compile=compile_reverse, check=check_reverse)]
    """
    return ()


@hookspec
def narthex_scrape_kinds() -> Iterable[ScrapeKind]:
    """Body formats that a target may answer with.

    The names in ``protocols`` may stand in ``scrape_protocols``; an answer's media type chooses the parser. ``parse``
    is called on the event loop for each body that is not known already. ``ExpositionError`` fails the scrape with its
    text; anything else that is raised fails it too and is logged with its traceback.

    Example::

        from narthex import hookimpl
        from narthex.errors import ExpositionError
        from narthex.kinds import ScrapeKind


        def parse_csv(body, content_type):
            for number, line in enumerate(body.splitlines(), 1):
                if line.count(b",") != 1:
                    raise ExpositionError("expected name,value", number)
            return []


        @hookimpl
        def narthex_scrape_kinds():
            protocols = (("CsvText0.1", "text/csv;version=0.1"),)
            return [ScrapeKind(name="csv", protocols=protocols, media_types=("text/csv",), parse=parse_csv)]
    """
    return ()


@hookspec
def narthex_storage_kinds() -> Iterable[StorageKind]:
    """Places where samples live; ``narthex: {storage: {<name>: …}}`` selects one, ``tsdb`` is the default.

    ``build`` is called once, at start, for the kind that is selected. What it raises ends the start: without a storage
    there is no server.

    Example::

        from dataclasses import dataclass

        from narthex import hookimpl
        from narthex.kinds import StorageKind


        @dataclass(frozen=True)
        class LakeConfig:
            bucket: str = "samples"


        def build_lake(config, context):
            from lake_client import LakeStorage  # the optional package is imported here, when it is used

            return LakeStorage(config.bucket, context.clock)


        @hookimpl
        def narthex_storage_kinds():
            return [StorageKind(name="lake", config=LakeConfig, build=build_lake, requires=("lake_client",))]
    """
    return ()


@hookspec
def narthex_receiver_kinds() -> Iterable[ReceiverKind]:
    """Ways to hand alerts over without an Alertmanager, usable under ``narthex: {receivers: …}``.

    ``build`` is called on the event loop when a configuration comes into force. ``send`` tries once; the core owns
    queues, batches and the deadline. What ``send`` raises is logged and counted with the receiver's name; alerts that
    still fire come again after the resend delay.

    Example::

        from asyncio import create_subprocess_exec
        from dataclasses import dataclass

        from narthex import hookimpl
        from narthex.errors import NotifyError
        from narthex.kinds import ReceiverKind


        @dataclass(frozen=True)
        class PagerConfig:
            command: str


        class Pager:
            def __init__(self, config, context):
                self.config = config

            async def send(self, notification, deadline):
                names = [alert.labels["alertname"] for alert in notification.alerts]
                process = await create_subprocess_exec(self.config.command, *names)
                if status := await process.wait():
                    raise NotifyError(f"{self.config.command} ended with status {status}")

            async def close(self):
                pass


        @hookimpl
        def narthex_receiver_kinds():
            return [ReceiverKind(name="pager", config=PagerConfig, build=Pager)]
    """
    return ()


@hookspec
def narthex_promql_functions() -> Iterable[PromqlFunction]:
    """Functions of PromQL, for queries and rules.

    ``compute`` is called in worker threads, several at once, once for each call in a query (or for each batch of steps
    or series): for all of them together, never for each sample. What it raises fails that one query or rule, with the
    plugin's name. A name of the language itself is refused. Give names a prefix of your own, so that the language of
    next year does not take them.

    Example::

        import numpy as np

        from narthex import hookimpl
        from narthex.kinds import PromqlFunction


        def logit(values, base=np.e):
            return np.log(values / (1 - values)) / np.log(base)


        def spread(window):
            values = window.block.values
            highest, lowest = window.reduce(np.fmax, values), window.reduce(np.fmin, values)
            return highest - lowest, window.at_least(1)


        @hookimpl
        def narthex_promql_functions():
            return [
                PromqlFunction("logit", ("vector", "scalar"), logit, variadic=1, summary="Log odds of a share"),
                PromqlFunction("spread_over_time", ("matrix",), spread, over="windows", summary="Highest less lowest"),
            ]
    """
    return ()


@hookspec
def narthex_template_functions() -> Iterable[TemplateFunction]:
    """Functions for the templates in labels and annotations of alerts.

    ``call`` is called in a worker thread for each element of an alert. What it raises stands in that one text, with the
    plugin's name, and the alert goes out.

    Example::

        from narthex import hookimpl
        from narthex.kinds import TemplateFunction


        def runbook(name):
            return f"https://runbooks.example/{name.lower()}"


        @hookimpl
        def narthex_template_functions():
            return [TemplateFunction("runbook", runbook, ("string",), summary="Address of an alert's runbook")]
    """
    return ()


@hookspec
def narthex_web_routes() -> Iterable[WebRoute]:
    """Pages and API paths; a path that the core serves itself, or that Prometheus's API has, is refused.

    ``handle`` is called on the event loop for each request, and must not block it. What it raises answers that one
    request with status 500 and the plugin's name.

    Example::

        from aiohttp import web

        from narthex import hookimpl
        from narthex.kinds import WebRoute


        async def handle(request, server):
            return web.Response(text="hello")


        @hookimpl
        def narthex_web_routes():
            return [WebRoute("GET", "/hello", handle, summary="Says hello")]
    """
    return ()


@hookspec
def narthex_commands() -> Iterable[Command]:
    """Commands of the command line; a name that one of the core's commands has is refused.

    ``build`` is called when the command is used; ``narthex --help`` shows ``summary`` without it. What it raises ends
    that one command, with the plugin's name. A ``NarthexError`` of the command prints one line, anything else keeps its
    traceback.

    Example::

        from narthex import hookimpl
        from narthex.kinds import Command


        def build_lake():
            import click  # what the command needs is imported here, when it is used

            @click.command("lake", help="Say what a bucket holds.")
            @click.argument("bucket")
            def lake(bucket):
                click.echo(f"{bucket}: nothing yet")

            return lake


        @hookimpl
        def narthex_commands():
            return [Command(name="lake", build=build_lake, summary="Say what a bucket holds.")]
    """
    return ()
