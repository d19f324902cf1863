from __future__ import annotations

import asyncio
import dataclasses
import shutil
from contextlib import asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry

from narthex.config.types import Duration
from narthex.testing.clock import FakeClock, settle
from narthex.testing.discovery import Recorder, build_context
from narthex_plugins.file import FileConfig
from narthex_plugins.file.discovery import FileDiscoverer


def write(path, *addresses):
    """Replace the file as editors and deployment tools do: by renaming a new one over it."""
    aside = path.parent.parent / f"{path.name}.new"
    aside.write_text("".join(f"- targets: ['{one}']\n" for one in addresses) or "[]")
    aside.replace(path)


def addresses(seen):
    return sorted(target["__address__"] for group in seen.groups.values() for target in group.targets)


@pytest.fixture
def directory(tmp_path):
    made = tmp_path / "targets"
    made.mkdir()
    return made


@asynccontextmanager
async def running(*patterns, registry=None, clock=None, interval="5m"):
    config = FileConfig(tuple(map(str, patterns)), Duration.parse(interval))
    seen = Recorder()
    discoverer = FileDiscoverer(config, build_context("file/0", clock, registry))
    task = asyncio.create_task(discoverer.run(seen))
    try:
        yield seen
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_a_new_file_appears_at_once(directory):
    async with running(directory / "*.yml") as seen:
        await seen.until(lambda seen: seen.published)
        write(directory / "a.yml", "h:1")
        await seen.until(lambda seen: addresses(seen) == ["h:1"])


async def test_a_file_written_in_place_appears_at_once(directory):
    write(directory / "a.yml", "h:1")
    async with running(directory / "*.yml") as seen:
        await seen.until(lambda seen: addresses(seen) == ["h:1"])
        (directory / "a.yml").write_text("- targets: ['h:2']\n")
        await seen.until(lambda seen: addresses(seen) == ["h:2"])


async def test_replacing_a_file_again_and_again_is_noticed_every_time(directory):
    async with running(directory / "a.yml") as seen:
        for number in range(5):
            write(directory / "a.yml", f"h:{number}")
            await seen.until(lambda seen, number=number: addresses(seen) == [f"h:{number}"])


async def test_a_config_map_swap_is_noticed(directory):
    for name, address in (("v1", "h:1"), ("v2", "h:2")):
        (directory / name).mkdir()
        (directory / name / "a.yml").write_text(f"- targets: ['{address}']\n")
    (directory / "..data").symlink_to("v1")
    (directory / "a.yml").symlink_to("..data/a.yml")
    async with running(directory / "*.yml") as seen:
        await seen.until(lambda seen: addresses(seen) == ["h:1"])
        (directory / "..new").symlink_to("v2")
        (directory / "..new").replace(directory / "..data")
        await seen.until(lambda seen: addresses(seen) == ["h:2"])


async def test_hidden_files_match_as_in_go(directory):
    write(directory / ".hidden.yml", "h:1")
    async with running(directory / "*.yml") as seen:
        await seen.until(lambda seen: addresses(seen) == ["h:1"])


async def test_a_broken_file_keeps_its_groups_while_others_change(directory):
    write(directory / "a.yml", "a:1")
    write(directory / "b.yml", "b:1")
    async with running(directory / "*.yml") as seen:
        await seen.until(lambda seen: addresses(seen) == ["a:1", "b:1"])
        (directory / "a.yml").write_text("- targets: [unclosed")
        write(directory / "b.yml", "b:2")
        await seen.until(lambda seen: addresses(seen) == ["a:1", "b:2"])


async def test_fewer_groups_retract_the_rest_and_no_file_retracts_all(directory):
    write(directory / "a.yml", "h:1", "h:2", "h:3")
    async with running(directory / "*.yml") as seen:
        await seen.until(lambda seen: len(seen.groups) == 3)
        write(directory / "a.yml", "h:1")
        await seen.until(lambda seen: addresses(seen) == ["h:1"])
        (directory / "a.yml").unlink()
        await seen.until(lambda seen: not seen.groups)


async def test_json_and_its_metrics(directory):
    registry = CollectorRegistry()
    path = directory / "a.json"
    path.write_text('[{"targets": ["h:1"], "labels": {"on": "012"}}]')
    async with running(directory / "*.json", registry=registry) as seen:
        await seen.until(lambda seen: addresses(seen) == ["h:1"])
        mtime = registry.get_sample_value("prometheus_sd_file_mtime_seconds", {"filename": str(path)})
        assert mtime == path.stat().st_mtime
    assert registry.get_sample_value("prometheus_sd_file_mtime_seconds", {"filename": str(path)}) is None


async def test_without_a_watch_the_interval_does(tmp_path):
    clock, registry = FakeClock(), CollectorRegistry()
    absent = tmp_path / "later"
    async with running(absent / "*.yml", clock=clock, registry=registry, interval="2s") as seen:
        await seen.until(lambda seen: seen.published == [()])
        assert registry.get_sample_value("prometheus_sd_file_watcher_errors_total") == 1
        absent.mkdir()
        write(absent / "a.yml", "h:1")
        await settle()
        await clock.advance(2)
        await seen.until(lambda seen: addresses(seen) == ["h:1"])


async def test_a_directory_that_is_made_anew_is_watched_again(directory):
    write(directory / "a.yml", "h:1")
    async with running(directory / "*.yml") as seen:
        await seen.until(lambda seen: addresses(seen) == ["h:1"])
        aside = directory.parent / "aside"
        aside.mkdir()
        (aside / "a.yml").write_text("- targets: ['h:2']\n")
        directory.rename(directory.parent / "old")
        aside.rename(directory)
        await seen.until(lambda seen: addresses(seen) == ["h:2"], seconds=20)
        write(directory / "a.yml", "h:3")
        await seen.until(lambda seen: addresses(seen) == ["h:3"])
    shutil.rmtree(directory.parent / "old")


@pytest.mark.parametrize("pattern", ["a.txt", "*/a.yml", "a.Yml", "*"])
def test_patterns_that_prometheus_refuses(pattern):
    assert [key for key, _ in FileConfig((pattern,)).check()] == ["files"]


def test_a_pattern_that_can_never_match_is_refused():
    assert [key for key, _ in FileConfig(("[a.yml",)).check()] == ["files"]


def test_at_least_one_pattern_is_needed():
    assert [key for key, _ in FileConfig(()).check()] == ["files"]


async def test_a_bad_entry_can_be_left_out(directory):
    (directory / "a.yml").write_text("- targets: [h:1]\n- targets: [h:2]\n  port: 1\n")
    context = dataclasses.replace(build_context("file/0"), skip_bad_entries=True)
    seen = Recorder()
    task = asyncio.create_task(FileDiscoverer(FileConfig((str(directory / "*.yml"),)), context).run(seen))
    await seen.until(lambda seen: addresses(seen) == ["h:1"])
    task.cancel()
    await asyncio.wait({task})
