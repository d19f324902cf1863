"""Target groups in files: the strict format, and what becomes of groups as files change."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import textwrap
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry
from tests.conformance.cases import ROOT, params
from tests.waiting import PATIENCE, until

from narthex.clock import SystemClock
from narthex.discovery.groups import WireGroup, parse_json_groups, parse_yaml_groups, plain
from narthex.errors import ConfigError
from narthex.kinds import BuildContext
from narthex.model.targetgroup import TargetGroup
from narthex_plugins.file import FileConfig
from narthex_plugins.file.discovery import FileDiscoverer


def load(text: str, style: str) -> WireGroup:
    """A group by itself, read as the only entry of a list."""
    if style == "json":
        return parse_json_groups(f"[{text}]", "group.json")[0]
    (group,) = parse_yaml_groups("-\n" + textwrap.indent(text, "  "), "group.yml")
    return group


@pytest.mark.parametrize("case", params("discovery/targetgroup.json", kind="load"))
def test_a_group_is_read_strictly(case):
    if not case["valid"]:
        with pytest.raises(ConfigError):
            load(case["text"], case["format"])
        return
    group = load(case["text"], case["format"])
    assert [{"__address__": target} for target in group.targets] == case["group"]["targets"]
    assert group.labels == case["group"]["labels"]


@pytest.mark.parametrize("case", params("discovery/targetgroup.json", kind="dump"))
def test_a_group_is_written_as_files_hold_it(case):
    value = plain(TargetGroup("", tuple(case["group"]["targets"]), case["group"]["labels"]))
    if case["format"] == "json":
        assert json.loads(json.dumps(value)) == json.loads(case["text"])
        return
    text = yaml.safe_dump(value, sort_keys=False, default_flow_style=None if not value["targets"] else False)
    assert text == case["text"]


class Seen:
    """What a consumer knows after each publish: the last group of every source."""

    def __init__(self) -> None:
        self.groups: dict[str, TargetGroup] = {}
        self.published = 0
        self.news = asyncio.Event()

    def publish(self, groups: Any) -> None:
        self.groups |= {group.source: group for group in groups}
        self.published += 1
        self.news.set()

    async def until(self, expected: dict[str, TargetGroup]) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.groups != expected:
                self.news.clear()
                await self.news.wait()


@pytest.mark.parametrize("case", params("discovery/file/cases.json"))
async def test_files_give_the_groups_that_prometheus_sees(case, tmp_path):
    watched, registry, seen = tmp_path / "watched", CollectorRegistry(), Seen()
    watched.mkdir()
    config = FileConfig((str(watched / "*.yml"), str(watched / "*.json")))
    log = logging.LoggerAdapter(logging.getLogger("test"))
    discoverer = FileDiscoverer(config, BuildContext("file/0", SystemClock(), log, registry))
    task: asyncio.Task[None] | None = None
    try:
        for number, step in enumerate(case["steps"]):
            name, expected = change(watched, tmp_path, step), step["expected"]
            errors = registry.get_sample_value("prometheus_sd_file_read_errors_total")
            task = task or asyncio.create_task(discoverer.run(seen.publish))
            broken = expected == "nothing is sent" or (number and expected == case["steps"][number - 1]["expected"])
            if (broken and "text" in step) or expected == "nothing is sent":
                await counted(registry, "prometheus_sd_file_read_errors_total", errors)
            if expected == "nothing is sent":
                assert not seen.published
                continue
            await seen.until(groups_of(expected, name))
    finally:
        if task is not None:
            task.cancel()
            await asyncio.wait({task})


def change(watched, aside, step) -> str:
    """Do to the file what the step says, all at once as by a rename; returns its full name."""
    if "remove" in step:
        (watched / step["remove"]).unlink()
        return str(watched / step["remove"])
    new = aside / "new"
    if "write" in step:
        shutil.copy(ROOT / "discovery" / "file" / step["write"], new)
        new.chmod(0o644)
    else:
        new.write_text(step["text"])
    new.replace(watched / step["as"])
    return str(watched / step["as"])


def groups_of(expected: list[dict[str, Any]], name: str) -> dict[str, TargetGroup]:
    filled = json.loads(json.dumps(expected).replace("{{FILE}}", name))
    return {one["source"]: TargetGroup(one["source"], tuple(one["targets"]), one["labels"]) for one in filled}


async def counted(registry: CollectorRegistry, metric: str, before: float | None) -> None:
    await until(lambda: (registry.get_sample_value(metric) or 0) > (before or 0))
