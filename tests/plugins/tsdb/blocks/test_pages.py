"""Pages come back bit by bit, and one that cannot be read is told by its file, number and name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from narthex.errors import StorageError
from narthex_plugins.tsdb.blocks.pages import PageReader, PageWriter
from narthex_plugins.tsdb.container import ArrayFile, ArrayFileWriter

FILLER = 7
NUMBERS = np.array([1.5, 2.5, np.nan, 4.0])


def reader(path: Path, damages: list[StorageError], *payloads: bytes) -> PageReader:
    """Pages of a file: the constant 3, the numbers, and these payloads."""
    with ArrayFileWriter(path, {}) as file:
        file.begin()
        pages = PageWriter(file)
        pages.put(np.full(4, 3.0))
        pages.put(NUMBERS)
        for payload in payloads:
            pages.payload(payload)
        file.end("pages")
        pages.finish("values")
    opened = ArrayFile(path)
    return PageReader(opened, "values", opened.bytes("pages"), FILLER, damages.append)


def test_pages_come_back(tmp_path: Path) -> None:
    damages: list[StorageError] = []
    pages = reader(tmp_path / "one.nrx", damages)
    for page, expected in enumerate((np.full(4, 3.0), NUMBERS)):
        into = np.zeros(4)
        pages.read(page, into)
        assert into.tobytes() == expected.tobytes()
    assert damages == []


@pytest.mark.parametrize("name", ["one.nrx", "with {braces}.nrx"])
def test_what_the_codec_refuses_is_filled_and_told(tmp_path: Path, name: str) -> None:
    damages: list[StorageError] = []
    pages = reader(tmp_path / name, damages, b"\xff" * 30)  # with a right checksum
    into = np.zeros(4)
    pages.read(2, into)
    assert into.view(np.uint64).tolist() == [FILLER] * 4
    (damage,) = damages
    assert str(damage).startswith(f"{tmp_path / name}: page 2 of values: ")


def test_a_page_of_another_length_is_filled_and_told(tmp_path: Path) -> None:
    damages: list[StorageError] = []
    pages = reader(tmp_path / "one.nrx", damages)
    into = np.zeros(3)
    pages.read(1, into)
    assert into.view(np.uint64).tolist() == [FILLER] * 3
    (damage,) = damages
    assert str(damage) == f"{tmp_path / 'one.nrx'}: page 1 of values has another length than its times"
