from __future__ import annotations

from pathlib import Path

import pytest

from narthex_plugins.tsdb import durable
from narthex_plugins.tsdb.directory import Directory
from narthex_plugins.tsdb.durable import TEMPORARY, replace_file, set_aside


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    for content in (b"a longer one", b"new", b""):
        replace_file(path, content)
        assert path.read_bytes() == content
    assert [one.name for one in tmp_path.iterdir()] == ["list.json"]


def test_the_old_content_stays_when_the_new_one_cannot_be_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "list.json"
    replace_file(path, b"old")
    monkeypatch.setattr(durable.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["list.json"]


def test_a_damaged_file_keeps_its_bytes_under_another_name(tmp_path: Path) -> None:
    path = tmp_path / "slab-1.nrx"
    path.write_bytes(b"damaged")
    assert set_aside(path) == "slab-1.nrx.bad"
    assert not path.exists()
    assert (tmp_path / "slab-1.nrx.bad").read_bytes() == b"damaged"


@pytest.mark.parametrize("name", ["imported.json", "tombstones.nrx", "blocks/block-1.nrx", "wal/series.log"])
def test_what_a_crash_left_half_written_is_removed(tmp_path: Path, name: str) -> None:
    whole, half = tmp_path / name, tmp_path / (name + TEMPORARY)
    half.parent.mkdir(exist_ok=True)
    for path in (whole, half):
        path.write_bytes(b"x")
    assert Directory(tmp_path).remove_temporary() == [half]
    assert whole.exists()
    assert not half.exists()
