"""What targets say of their families, in the log of metadata: changes only, whole after crashes, none kept for ever."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.plugins.tsdb.conftest import Factory

from narthex.config.types import Duration
from narthex.model.labels import Labels
from narthex.model.metadata import FamilyMetadata
from narthex.storage.metadata import MetadataBook
from narthex.storage.protocol import StoresMetadata
from narthex_plugins.tsdb import TsdbConfig, metadata, records
from narthex_plugins.tsdb.inspect.snapshot import snapshot
from narthex_plugins.tsdb.inspect.verify import verify
from narthex_plugins.tsdb.metadata import replay_metadata
from narthex_plugins.tsdb.reading import read_directory

HOUR = 3_600_000


def target(number: int) -> Labels:
    return Labels({"instance": f"h:{number}", "job": "j"})


def said(number: int, count: int = 20) -> dict[str, FamilyMetadata]:
    return {f"f{i}": FamilyMetadata("gauge", f"Family {i} as {number} says it.", "ms") for i in range(count)}


def written(data: Path) -> list[object]:
    return [one for one in records.records(data / "wal/metadata.log") if not isinstance(one, records.Damage)]


async def test_only_changes_are_written(make: Factory) -> None:
    one = make()
    assert isinstance(one, StoresMetadata)
    await one.start()
    for _ in range(100):
        for number in range(3):
            one.note_metadata(target(number), said(0))
    one._disk.wal.flush()
    assert len(written(make.data)) == 3
    first, *others = (len(bytes(record)) for record in written(make.data))
    assert max(others) * 3 < first, "the families that all three have stand there once"
    await one.stop()


async def test_a_start_writes_the_log_anew_without_what_is_outdated(make: Factory) -> None:
    one = make(TsdbConfig(retention=Duration(HOUR)))
    await one.start()
    for number in range(50):
        one.note_metadata(target(0), said(number))
    one.note_metadata(target(1), said(1))
    one.end_metadata(target(1))
    await one.stop()
    assert len(written(make.data)) == 52
    one = make(TsdbConfig(retention=Duration(HOUR)))
    await one.start()
    assert one.metadata("f3") == {"f3": [said(49)["f3"], said(1)["f3"]]}
    assert len(written(make.data)) == 2
    await one.stop()
    await make.clock.advance(2 * HOUR / 1000)
    one = make(TsdbConfig(retention=Duration(HOUR)))
    await one.start()
    assert one.metadata() == {}, "nobody has spoken for longer than samples are kept"
    await one.stop()


async def test_a_log_of_outdated_records_is_begun_anew_while_running(make: Factory, monkeypatch) -> None:
    monkeypatch.setattr(metadata, "_CHANGES", 10)
    one = make()
    await one.start()
    for number in range(30):
        one.note_metadata(target(0), said(number))
    await make.clock.advance(60)
    one.note_metadata(target(1), said(5))
    one._disk.wal.flush()
    assert len(written(make.data)) == 2
    await one.stop()
    book = MetadataBook()
    assert replay_metadata(make.data / "wal/metadata.log", book) == ""
    assert book.families("f1") == {"f1": [said(29)["f1"], said(5)["f1"]]}


async def test_a_damaged_log_is_good_up_to_the_damage(make: Factory, tmp_path: Path) -> None:
    one = make()
    await one.start()
    for number in range(4):
        one.note_metadata(target(number), said(number, 3))
    one._disk.wal.flush()
    shutil.copytree(make.data, tmp_path / "crashed")
    await one.stop()
    log = (tmp_path / "crashed/wal/metadata.log").read_bytes()
    for how in ("cut", "changed"):
        for at in range(0, len(log), 7):
            data = tmp_path / f"{how}-{at}"
            shutil.copytree(tmp_path / "crashed", data)
            content = bytearray(log)
            if how == "cut":
                del content[at:]
            else:
                content[at] ^= 0x10
            (data / "wal/metadata.log").write_bytes(content)
            factory = Factory(data)
            other = factory()
            await other.start()
            found = {one for several in other.metadata().values() for one in several}
            await other.stop()
            whole = [set(said(number, 3).values()) for number in range(4)]
            good = at * 4 // len(log)  # records are about of one size
            assert set().union(*whole[: max(0, good - 1)]) <= found <= set().union(*whole)
            assert list(verify(data, lambda *_: None)) == [(path, "") for path, _ in verify(data, lambda *_: None)]
            shutil.rmtree(data)


async def test_readers_and_copies_have_it_too(make: Factory, tmp_path: Path) -> None:
    one = make()
    await one.start()
    one.note_metadata(target(0), said(0))
    one._disk.wal.flush()
    beside = read_directory(make.data)
    assert beside.metadata("f0") == {"f0": [said(0)["f0"]]}
    snapshot(make.data, tmp_path / "copy", lambda *_: None)
    name = await one.snapshot(skip_head=False)
    await one.stop()
    for copy in (tmp_path / "copy", make.data / "snapshots" / name):
        assert read_directory(copy).metadata("f0") == {"f0": [said(0)["f0"]]}
