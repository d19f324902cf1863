"""The page about the storage's files agrees with what the code writes."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np
from isal.isal_zlib import crc32

from narthex.model.histogram import Histogram
from narthex.model.sample import MISSING_BITS, STALE_NAN_BITS
from narthex_plugins.tsdb import container, records, slabcodes
from narthex_plugins.tsdb.blocks import block_path, open_block, write_block
from narthex_plugins.tsdb.blocks.hashing import set_hash
from narthex_plugins.tsdb.blocks.plan import RANGE
from narthex_plugins.tsdb.directory import Directory
from narthex_plugins.tsdb.histograms.columns import columns_of_samples
from narthex_plugins.tsdb.metadata import METADATA
from narthex_plugins.tsdb.tombstones import Deletion, write_deletions

PAGE = (Path(__file__).resolve().parents[2] / "docs/reference/tsdb-format.md").read_text(encoding="utf-8")


def named() -> set[str]:
    """Everything the page sets in code type, label and deletion numbers as the files have them."""
    found = set(re.findall(r"`([^`\n]+)`", PAGE))
    short = {name for name in found if name.startswith(".")}
    for prefix in ("float.times", "float.values", "float.starts", "histogram.times", "histogram.values"):
        found |= {prefix + one for one in short}
    return {one.replace("label.K", "label.0").replace("hash.I", "hash.0").split(" ")[0] for one in found}


def test_versions_and_special_values_are_those_of_the_code() -> None:
    assert f"Container version {container.VERSION}, log version {records.VERSION};" in PAGE
    assert f"`{container.MAGIC.decode()!r}`".replace("'", "") in PAGE
    assert f"`{MISSING_BITS:#018x}` no sample" in PAGE
    assert f"`{STALE_NAN_BITS:#018x}` the series ended" in PAGE
    assert RANGE == 2 * 3_600_000


def test_every_record_and_kind_of_column_is_described() -> None:
    for number, name in enumerate(("header", "series", "layout", "row", "points", "started", "histograms"), 1):
        assert getattr(records, name.upper()) == bytes([number])
        assert f"| {number} {name} |" in PAGE
    assert f"| {METADATA[0]} metadata |" in PAGE
    assert [
        int(one) for line in re.findall(r"^\| ([\d, ]+) \| [fu]\d+", PAGE, re.MULTILINE) for one in line.split(",")
    ] == list(slabcodes.KINDS)


def test_every_place_in_the_directory_is_described(tmp_path: Path) -> None:
    directory = Directory(tmp_path)
    for path in (
        directory.series_log,
        directory.metadata_log,
        directory.slab(1),
        directory.points(1),
        directory.histograms(1),
        block_path(directory.blocks, 1),
    ):
        assert re.sub(r"\d{8}", "NNNNNNNN", str(path.relative_to(tmp_path))) in PAGE
    assert directory.tombstones.name in PAGE


def test_a_block_has_the_arrays_and_facts_that_are_described(tmp_path: Path) -> None:
    labels = [{"__name__": "m", "i": str(i), **({"rare": "x"} if i == 3 else {})} for i in range(20)]
    times = np.arange(1, 2000) * 1000
    path = block_path(tmp_path, 7)
    starts = [times - 500 if i == 2 else None for i in range(20)]
    held = columns_of_samples([(0, 5, 1, Histogram(count=1.0))])
    write_block(path, labels, [times] * 20, [np.sin(times) * i for i in range(20)], starts, {4: held})
    block = open_block(path)
    arrays = {re.sub(r"^label\.\d+", "label.0", name) for name in block.file.names}
    assert arrays <= named()
    described = {name for name in named() if name.startswith(("float.", "histogram."))}
    described = {name for name in described if not name.endswith((".bad", ".tmp"))}
    assert {name for name in arrays if name.startswith(("float.", "histogram."))} == described
    facts = set(block.file.facts) - {"arrays", "kind"}
    assert facts <= named() | {"labels", "series"}
    assert block.hashes[3] == set_hash({"__name__": "m", "i": "11"})
    header = path.read_bytes()[:32]
    magic, version, length, offset, checksum, own = struct.unpack("<8sIIQII", header)
    assert (magic, version, offset + length) == (container.MAGIC, container.VERSION, path.stat().st_size)
    assert own == crc32(header[:28])
    assert checksum == crc32(path.read_bytes()[offset:])


def test_deletions_have_the_arrays_and_facts_that_are_described(tmp_path: Path) -> None:
    path = tmp_path / "tombstones.nrx"
    write_deletions(path, [Deletion(np.array([1], dtype=np.uint64), 1, 2, frozenset([3]))])
    file = container.ArrayFile(path)
    assert {*file.names, *file.facts["deletions"][0], "deletions"} <= named()
