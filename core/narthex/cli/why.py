"""``narthex why``: ask a running server for the reasons of what it did, or did not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from narthex.cli.apiclient import Server
from narthex.cli.flags import DURATION
from narthex.cli.lazy import LazyGroup
from narthex.cli.output import diff_line, heading, line, print_json
from narthex.config.types import Duration
from narthex.explain.labels import label_diff
from narthex.model.labels import Labels

__all__ = ["why"]

_COLOURS = {"active": "green", "duplicate": "green", "dropped": "yellow", "failed": "red", "not discovered": "red"}


@click.group("why", cls=LazyGroup)
def why() -> None:
    """Ask a running server for its reasons."""


@why.command("target")
@click.argument("target")
@click.option("--url", default="http://127.0.0.1:9090", show_default=True, help="Address of the server.")
@click.option("--job", default="", help="Only in this job.")
@click.option(
    "--timeout", type=DURATION, default=Duration(30_000), show_default=True, help="Longest time to wait for the answer."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def target(target: str, url: str, job: str, timeout: Duration, *, as_json: bool) -> int:
    """Tell why a target is scraped, or why not.

    TARGET is an address such as host:9100, a host, a URL, an instance, or labels such as env=prod,role=db. Told are the
    jobs that scrape it, the rule that dropped it, or why it failed; and where nobody discovered it, which discoverers
    were asked, when, and how they fared. Exit status 0 means that it is scraped, 1 that it is not.
    """
    form = [("target", target), *([("scrapePool", job)] if job else [])]
    answer = Server.at(url, {}, timeout.seconds).get("why/target", form).data
    if as_json:
        print_json(answer)
    else:
        _print(target, answer)
    return 0 if answer["state"] in {"active", "duplicate"} else 1


def _print(asked: str, answer: Mapping[str, Any]) -> None:
    line(f"{asked}: {answer['state']}", colour=_COLOURS.get(answer["state"]))
    for finding in answer["findings"]:
        _print_finding(finding)
    for held in answer.get("held", ()):
        line(f"An update of {held['provider']} for job {held['scrapePool']} is held since {_span(held['age'])}:")
        line(f"  {held['reason']}; {held['targetsKept']} targets are in force only because of that", colour="yellow")
    for one in answer.get("restored", ()):
        when = _ago(one["confirmedAge"])
        line(
            f"{one['targets']} targets of {one['provider']} for job {one['scrapePool']} are from disk, confirmed {when}"
        )
    if answer["findings"]:
        return
    heading("Asked were")
    for one in answer["discoverers"]:
        line(f"  {_discoverer(one)}")
        if one["lastError"]:
            line(f"    {one['lastError']}", colour="red")
    if not answer["discoverers"]:
        line("  no discoverer: there is no job, or it has no discovery block")
    if answer["similar"]:
        line(f"Similar addresses: {', '.join(answer['similar'])}")


def _print_finding(one: Mapping[str, Any]) -> None:
    explanation = one["explanation"]
    heading(f"{one['state']} in job {one['scrapePool']}{_by(explanation)}")
    line(f"  discovered by {one['provider']} in {one['source']}, which answered {_ago(one['discoveredAge'])}")
    if explanation["output"] is not None:
        line(f"  {explanation['scrapeUrl']}  {Labels(explanation['output'])}")
    if one["sameAs"]:
        line(f"  equals the target of {one['sameAs']}, which is scraped instead")
    if one["health"]:
        line(f"  {one['health']}, last scraped {_ago(one['lastScrapeAge'])}")
    if one["lastError"]:
        line(f"    {one['lastError']}", colour="red")
    for step in explanation["steps"]:
        _print_step(step)


def _print_step(step: Mapping[str, Any]) -> None:
    """A rule that changed or dropped the labels; the others say nothing about the target."""
    before = {**step["removed"], **{name: pair["before"] for name, pair in step["changed"].items()}}
    after = {**step["added"], **{name: pair["after"] for name, pair in step["changed"].items()}}
    lines = list(label_diff(before, after).lines())
    if not lines and step["verdict"] != "dropped":
        return
    line(f"  relabel_configs[{step['index']}] {step['rule']['action']}")
    for one in lines:
        diff_line(one, indent="    ")
    if step["verdict"] == "dropped":
        line("    dropped", colour="yellow")


def _by(explanation: Mapping[str, Any]) -> str:
    return f": {explanation['reason']}" if explanation["reason"] else ""


def _discoverer(one: Mapping[str, Any]) -> str:
    found = f"{one['targets']} targets in {one['groups']} groups"
    answered = (
        f"answered {_ago(one['lastSuccessAge'])}" if one["lastSuccessAge"] is not None else "has not answered yet"
    )
    return f"{one['provider']} ({one['state']}) for {', '.join(one['jobs'])}: {found}, {answered}"


def _ago(seconds: float | None) -> str:
    return "never" if seconds is None else f"{_span(seconds)} ago"


def _span(seconds: float) -> str:
    return str(Duration(round(seconds) * 1000))
