"""``prometheus.yml`` as Prometheus accepts, refuses and completes it.

What is about a discovery kind that is not installed, or about a key that this version refuses, cannot be accepted: such
cases are expected failures, recognised by the keys in the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conformance.cases import ROOT, params, suite_files

from narthex.config.decode import decode_yaml
from narthex.config.dump import plain
from narthex.config.load import load_config, parse_config
from narthex.config.reference import refused
from narthex.config.scrape import ScrapeConfig
from narthex.config.types import Size
from narthex.errors import ConfigError
from narthex.plugins.catalog import Catalog
from narthex.plugins.host import PluginHost
from narthex.scrape.negotiate import default_protocols
from narthex_plugins import standard

SUITE = ROOT / "config/prometheus"
REFUSED = {one.key: one for one in refused()}


@cache
def catalog() -> Catalog:
    return PluginHost(standard.shipped(), scan=False).catalog()


# --- which cases belong to later work --------------------------------------------------------------------------------


def keys_of(data: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield str(key), value
            yield from keys_of(value)
    elif isinstance(data, list):
        for one in data:
            yield from keys_of(one)


def missing_features(text: str) -> list[str]:
    """What a file asks for that is not there: discovery kinds, and keys that are refused."""
    try:
        data = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return []
    found = []
    for key, value in keys_of(data):
        if key.endswith("_sd_configs") and key.removesuffix("_sd_configs") not in catalog().discovery:
            found.append(f"discovery kind {key.removesuffix('_sd_configs')}")
        elif key in REFUSED and value and value != REFUSED[key].default:
            found.append(REFUSED[key].feature)
    return list(dict.fromkeys(found))


def absent_files(case: Mapping[str, Any], text: str) -> list[str]:
    """Included files that the suite does not hold beside the case's file."""
    try:
        data = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return []
    included = data.get("scrape_config_files") or [] if isinstance(data, dict) else []
    here = (SUITE / case["file"]).parent
    return [name for name in included if "*" not in name and not (here / name).exists()]


def expect_failure_if_later(request: pytest.FixtureRequest, case: Mapping[str, Any], text: str) -> None:
    wanted = [text, json.dumps(case.get("expect_subset", {}))]
    missing = dict.fromkeys(one for source in wanted for one in missing_features(source)) if case["valid"] else {}
    reasons = [f"later: {one}" for one in missing]
    if "file" in case:
        reasons += [f"the suite has no {name}" for name in absent_files(case, text)]
    if reasons:
        request.applymarker(pytest.mark.xfail(reason="; ".join(reasons), strict=True))


# --- comparing -------------------------------------------------------------------------------------------------------


def as_upstream(job: ScrapeConfig) -> dict[str, Any]:
    """An effective scrape config in the suite's shape: discovery configs in one list, each with its type."""
    shown = {key: value for key, value in plain(job).items() if not key.endswith(("_sd_configs", "static_configs"))}
    if job.scrape_protocols is None:
        shown["scrape_protocols"] = list(default_protocols(protobuf_first=bool(job.scrape_native_histograms)))
    for rule in (*shown.get("relabel_configs", ()), *shown.get("metric_relabel_configs", ())):
        rule.setdefault("regex", "(.*)")  # the suite writes the default out
    shown["service_discovery_configs"] = [discovery_of(block.kind, block.config) for block in job.discovery]
    return shown


UPSTREAM_TYPES = {"ec2": "aws.EC2SDConfig"}
"""How the suite names the type of a kind's configuration where it is not ``<kind>.SDConfig``."""


def discovery_of(kind: str, config: Any) -> dict[str, Any]:
    if kind != "static":
        return {"$type": UPSTREAM_TYPES.get(kind, f"{kind}.SDConfig"), "config": plain(config)}
    groups = [
        {**plain(group), "targets": [{"__address__": one} for one in group.targets], "source": str(index)}
        for index, group in enumerate(config)
    ]
    return {"$type": "static", "config": groups}


def differences(expected: Any, actual: Any, path: str = "") -> list[str]:
    """Where ``actual`` lacks something of ``expected``; an absent value equals a zero one."""
    if isinstance(expected, dict):
        inner = actual if isinstance(actual, dict) else {}
        return [line for key, one in expected.items() for line in differences(one, inner.get(key), f"{path}.{key}")]
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        pairs = enumerate(zip(expected, actual, strict=True))
        return [line for index, (one, other) in pairs for line in differences(one, other, f"{path}[{index}]")]
    if isinstance(actual, str) and isinstance(expected, int) and not isinstance(expected, bool):
        actual = Size.parse(actual)
    if actual == expected or (not actual and not expected) or (actual == "<secret>" and isinstance(expected, str)):
        return []
    return [f"{path}: expected {expected!r}, got {actual!r}"]


def relative_to_suite(expected: Any, here: Path) -> Any:
    """File names of the suite start at ``testdata``, where the configuration file was."""
    return json.loads(json.dumps(expected).replace('"testdata/', f'"{here}/'))


def expected_jobs(jobs: list[dict[str, Any]], here: Path) -> list[dict[str, Any]]:
    """The suite says ``[]`` for protocols that the file leaves open, and sometimes lists the default ones instead."""
    return relative_to_suite(
        [{key: value for key, value in job.items() if (key, value) != ("scrape_protocols", [])} for job in jobs], here
    )


# --- the cases -------------------------------------------------------------------------------------------------------


def load(case: Mapping[str, Any]) -> Any:
    if case["stage"] == "target_group":
        return decode_yaml(catalog().discovery["static"].kind.config, (SUITE / case["file"]).read_bytes(), case["file"])
    return load_config(SUITE / case["file"], catalog(), env={}, agent=case.get("agent_mode", False))


@pytest.mark.parametrize("case", params("config/prometheus/cases.json"))
def test_configuration_files(case, request):
    path = SUITE / case["file"]
    text = path.read_text(encoding="utf-8", errors="replace")
    expect_failure_if_later(request, case, text)
    if case["valid"] is None:
        pytest.skip("no upstream assertion")
    if not case["valid"]:
        with pytest.raises(ConfigError) as caught:
            load(case)
        assert all(problem.line and problem.message for problem in caught.value.problems)
        return
    config = load(case)
    expected = relative_to_suite(case.get("expect_subset", {}), path.parent)
    assert differences(expected, plain(config)) == []
    if "expect_scrape_configs" in case:
        expected = expected_jobs(case["expect_scrape_configs"], path.parent)
        assert differences(expected, [as_upstream(job) for job in config.scrape_configs]) == []
    if "expect_full" in case:
        whole = json.loads((SUITE / case["expect_full"]).read_text(encoding="utf-8"))["config"]
        jobs = [as_upstream(job) for job in config.scrape_configs]
        assert differences(relative_to_suite(whole, path.parent), {**plain(config), "scrape_configs": jobs}) == []
    for one in case.get("expect_external_labels", ()):
        loaded = load_config(path, catalog(), env=one["env"])
        assert loaded.global_.external_labels == one["external_labels"]


def inline_cases() -> list[Any]:
    cases = [
        one for path in suite_files("config/prometheus/cases.json") for one in json.loads(path.read_text())["inline"]
    ]
    return [pytest.param(case, id=case["id"]) for case in cases]


@pytest.mark.parametrize("case", inline_cases())
def test_inline_configurations(case, request):
    expect_failure_if_later(request, case, case["yaml"])
    config = parse_config(case["yaml"], "inline.yml", catalog())
    assert differences(case["expect_subset"], plain(config)) == []


# --- the large example, job by job -----------------------------------------------------------------------------------


def large_example() -> list[Any]:
    """Each job of the example with the expected effective configuration, so that what is missing hides no other job."""
    parameters = []
    for path in suite_files("config/prometheus/expected_conf.*.json"):
        file = next(path.parent.glob("*/" + path.name.removeprefix("expected_").replace(".json", ".yml")))
        expected = json.loads(path.read_text(encoding="utf-8"))["config"]
        jobs = {one["job_name"]: one for one in expected["scrape_configs"]}
        written = yaml.safe_load(file.read_text(encoding="utf-8"))["scrape_configs"]
        parameters += [pytest.param(file, job, jobs[job["job_name"]], id=job["job_name"]) for job in written]
    return parameters


def without_refused(data: Any) -> Any:
    """The data less the keys that this version refuses."""
    if isinstance(data, dict):
        return {key: without_refused(value) for key, value in data.items() if key not in REFUSED}
    return [without_refused(one) for one in data] if isinstance(data, list) else data


@pytest.mark.parametrize(("file", "job", "expected"), large_example())
def test_jobs_of_the_large_example(file, job, expected, request):
    kinds = [f"later: {one}" for one in missing_features(yaml.safe_dump(job)) if one.startswith("discovery kind")]
    if kinds:
        request.applymarker(pytest.mark.xfail(reason="; ".join(kinds), strict=True))
    top = yaml.safe_load(file.read_text(encoding="utf-8"))["global"]
    text = yaml.safe_dump({"global": without_refused(top), "scrape_configs": [without_refused(job)]})
    config = parse_config(text, str(file), catalog())
    wanted = expected_jobs([without_refused(expected)], file.parent)
    assert differences(wanted, [as_upstream(config.scrape_configs[0])]) == []
