"""``narthex relabel``: what the rules of a configuration make of one label set, rule by rule."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from narthex.cli.flags import Parsed
from narthex.cli.loading import find_job, load
from narthex.cli.output import diff_line, heading, line, print_json
from narthex.errors import UsageError
from narthex.explain.given import parse_labels

if TYPE_CHECKING:
    from narthex.cli.app import App
    from narthex.config.sections import Config
    from narthex.explain.relabel import ExplainedRule, Explanation, Stage
    from narthex.plugins.catalog import Catalog

__all__ = ["relabel"]


def _json_labels(text: str) -> dict[str, str]:
    try:
        labels = json.loads(text)
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from None
    if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
        raise ValueError("expected a JSON object of texts")
    return labels


@click.command("relabel")
@click.option(
    "--config.file", "file", type=click.Path(exists=True, dir_okay=False), default="prometheus.yml", show_default=True,
    help="Configuration file.",
)  # fmt: skip
@click.option("--job", default="", help="Job whose rules are run; not for alerts.")
@click.option(
    "--labels", type=Parsed("labels", parse_labels), help='Labels: name=value,name=value or name{label="value"}.'
)
@click.option("--labels-json", type=Parsed("JSON", _json_labels), help="Labels as a JSON object.")
@click.option(
    "--stage", type=click.Choice(["target", "metric", "alert", "write"]), default="target", show_default=True,
    help="Which rules: relabel_configs, metric_, alert_ or write_relabel_configs.",
)  # fmt: skip
@click.option("--remote", default="", help="For writes: the remote_write section by name, URL or number, from 0.")
@click.option(
    "--rules", "rules_file", type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="For writes: a YAML or JSON file with a list of rules, instead of a configuration; - is standard input.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def relabel(  # noqa: PLR0913 -- one for each option
    app: App,
    file: str,
    job: str,
    labels: dict[str, str] | None,
    labels_json: dict[str, str] | None,
    stage: Stage,
    remote: str,
    rules_file: str | None,
    *,
    as_json: bool,
) -> None:
    """Show what relabel rules make of labels, rule by rule.

    Rules are shown with what they change, and where the labels are dropped. For targets give the labels that discovery
    finds, such as __address__=host:9100,__meta_env=prod; the job's defaults are added as a server adds them. For
    metrics give the labels of a series that already carries its target's labels; for alerts those of the alert and the
    external labels. For writes give those of a stored series; the file's external labels are added. Narthex writes to
    no remote storage yet and refuses to run such a configuration, but tells what its rules would do.
    """
    given = labels if labels is not None else labels_json
    if given is None or (labels is not None and labels_json is not None):
        raise UsageError("give either --labels or --labels-json")
    if stage != "write" and (remote or rules_file):
        raise UsageError("--remote and --rules are for stage write only")
    catalog = app.catalog()
    if stage == "write":
        explanation = _explain_write(app, catalog, file, remote, rules_file, given)
    else:
        explanation = _explain(load(app, file, catalog), catalog, job, stage, given)
    if as_json:
        print_json(explanation.as_json())
    else:
        _print(explanation)


def _explain(config: Config, catalog: Catalog, job: str, stage: Stage, labels: dict[str, str]) -> Explanation:
    from narthex.explain.relabel import explain_rules, explain_target
    from narthex.relabel.rules import compile_rules

    if stage == "alert":
        configs = config.alerting.alert_relabel_configs
        return explain_rules("alert", configs, compile_rules(configs, catalog), labels)
    if not job:
        raise UsageError(f"--job is needed for stage {stage}")
    found = find_job(config, job)
    legacy = found.metric_name_validation_scheme == "legacy"
    configs = found.relabel_configs if stage == "target" else found.metric_relabel_configs
    rules = compile_rules(configs, catalog, legacy_names=legacy)
    if stage == "target":
        return explain_target(found, rules, labels)
    return explain_rules("metric", configs, rules, labels, job=job)


def _explain_write(
    app: App, catalog: Catalog, file: str, remote: str, rules_file: str | None, labels: dict[str, str]
) -> Explanation:
    from narthex.config.load import read_file
    from narthex.explain.relabel import explain_write
    from narthex.explain.rulelist import Remote, parse_rules, read_remotes
    from narthex.relabel.rules import compile_rules

    if rules_file is not None:
        text = sys.stdin.buffer.read() if rules_file == "-" else read_file(rules_file)
        chosen = Remote((), parse_rules(text, rules_file, catalog), {})
    else:
        remotes = read_remotes(read_file(file), file, catalog, app.environment)
        fitting = [one for one in remotes if not remote or remote in one.names]
        if len(fitting) != 1:
            known = ", ".join(one.names[0] for one in remotes) or "none"
            raise UsageError(f"--remote must name one remote_write section of {file}; there are: {known}")
        chosen = fitting[0]
    return explain_write(chosen.rules, compile_rules(chosen.rules, catalog), labels, chosen.external_labels)


def _print(explanation: Explanation) -> None:
    from narthex.explain.labels import label_text
    from narthex.explain.relabel import NOT_WRITTEN

    of_job = f" of job {explanation.job}" if explanation.job else ""
    heading(f"Labels before the {explanation.stage} rules{of_job}")
    for name, value in explanation.given.items():
        line(f"  {label_text(name, value)}")
    for one in explanation.rules:
        _print_rule(explanation.stage, one)
    if not explanation.rules:
        line("There are no such rules.")
    if explanation.stage == "write":
        line(f"Note: {NOT_WRITTEN}.")
    heading("Result")
    line(f"  {_result(explanation)}")
    if explanation.url:
        line(f"  {explanation.url}")
    if explanation.output is not None:
        for name, value in explanation.output.items():
            line(f"  {label_text(name, value)}")


def _result(explanation: Explanation) -> str:
    if explanation.outcome == "failed":
        return f"failed: {explanation.reason}"
    return explanation.reason or "kept"


def _print_rule(stage: Stage, one: ExplainedRule) -> None:
    from narthex.explain.relabel import rule_key, rule_text

    heading(rule_key(stage, one.index))
    line(f"  {rule_text(one.rule)}")
    if one.verdict != "kept":
        line(f"  {one.verdict}", colour="red" if one.verdict == "dropped" else None)
        return
    changes = list(one.diff.lines())
    for change in changes:
        diff_line(change)
    if not changes:
        line("  no change")
