from __future__ import annotations

import gzip
import random
import shutil

import numpy as np
import pytest
from tests.plugins.prometheus_blocks.encode import Shape, histogram_chunk, xor_chunk
from tests.plugins.prometheus_blocks.write import write_block

import narthex
from narthex.errors import StorageError
from narthex.model.histogram import Buckets, Histogram
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchOp
from narthex.storage.frames import HistogramPoints
from narthex.storage.protocol import Batch
from narthex_plugins.tsdb.blocks import open_block
from narthex_plugins.tsdb.blocks.plan import RANGE
from narthex_plugins.tsdb.transfer.importing import Imported, import_openmetrics, import_prometheus
from narthex_plugins.tsdb.transfer.intake import Intake


def silent(what, done, total):
    pass


def stored(data) -> dict[str, dict[int, float]]:
    """Every sample of every block; a time that stands in two blocks fails."""
    found: dict[str, dict[int, float]] = {}
    for path in sorted((data / "blocks").iterdir()):
        for labels, times, values in open_block(path):
            own = found.setdefault(str(labels), {})
            for time, value in zip(times.tolist(), values.tolist(), strict=True):
                assert time not in own
                own[time] = value
    return found


@pytest.fixture
def dump(tmp_path):
    """A file of two series over three block ranges, and what is in it."""
    source = random.Random(5)
    wanted, lines = {}, []
    for name in ("a", "b"):
        own = wanted[f'{{__name__="{name}", x="1"}}'] = {}
        for at in range(700):
            time, value = 10 * RANGE + at * 30_000, source.random()
            own[time] = value
            lines.append(f'{name}{{x="1"}} {value!r} {time / 1000}\n')
    source.shuffle(lines)
    path = tmp_path / "dump.om"
    path.write_text("".join(lines) + "# EOF\n")
    return path, wanted


@pytest.mark.parametrize("packed", [False, True])
def test_every_sample_of_a_dump_is_stored_in_aligned_blocks(tmp_path, dump, packed):
    path, wanted = dump
    if packed:
        path = tmp_path / "dump.om.gz"
        path.write_bytes(gzip.compress(dump[0].read_bytes()))
    told = []
    with Intake(tmp_path / "data") as intake:
        result = import_openmetrics(intake, str(path), lambda *one: told.append(one))
    assert result == Imported(blocks=3, series=2, samples=1400)
    assert stored(tmp_path / "data") == wanted
    spans = [open_block(one).extent for one in sorted((tmp_path / "data/blocks").iterdir())]
    assert [(one.start, one.end) for one in spans] == [(at * RANGE, (at + 1) * RANGE) for at in (10, 11, 12)]
    assert ("writing blocks", 2, 3) in told


def test_an_import_that_fails_half_way_leaves_nothing(tmp_path, dump):
    path, wanted = dump
    with Intake(tmp_path / "data") as intake:
        import_openmetrics(intake, str(path), silent)
    broken = tmp_path / "broken.om"
    broken.write_text(path.read_text().replace("# EOF\n", "a x 1\n# EOF\n"))
    with pytest.raises(StorageError, match=r"broken\.om: line 1401: not a number: 'x'"), Intake(tmp_path / "data") as i:
        import_openmetrics(i, str(broken), silent)
    assert stored(tmp_path / "data") == wanted
    assert not list((tmp_path / "data").glob("*.tmp"))


def test_an_interrupt_while_blocks_are_written_leaves_nothing_and_the_next_run_is_complete(tmp_path, dump):
    path, wanted = dump

    def interrupt(what, done, total):
        if (what, done) == ("writing blocks", 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Intake(tmp_path / "data") as intake:
        import_openmetrics(intake, str(path), interrupt)
    assert stored(tmp_path / "data") == {}
    assert not (tmp_path / "data/lock").exists()
    with Intake(tmp_path / "data") as intake:
        import_openmetrics(intake, str(path), silent)
    assert stored(tmp_path / "data") == wanted


def test_what_a_killed_import_left_is_removed(tmp_path, dump):
    stage = tmp_path / "data/import.tmp"
    stage.mkdir(parents=True)
    (stage / "run-000000").write_bytes(b"?")
    with Intake(tmp_path / "data") as intake:
        import_openmetrics(intake, str(dump[0]), silent)
    assert not stage.exists()


async def test_a_server_removes_what_a_killed_import_left(make):
    stage = make.data / "import.tmp"
    stage.mkdir(parents=True)
    (stage / "block-00000001.nrx").write_bytes(b"?")
    storage = make()
    await storage.start()
    await storage.stop()
    assert not stage.exists()


def test_a_lock_that_a_crash_left_is_left_again(tmp_path):
    with Intake(tmp_path / "data"):
        pass
    assert not (tmp_path / "data/lock").exists()
    (tmp_path / "data/lock").write_text("1\n")
    with Intake(tmp_path / "data"):
        pass
    assert (tmp_path / "data/lock").exists()


def test_a_directory_in_use_is_refused(tmp_path):
    with Intake(tmp_path / "data"), pytest.raises(StorageError, match="in use by another server"):
        Intake(tmp_path / "data").__enter__()


@pytest.fixture
def prometheus(tmp_path):
    """A data directory of Prometheus with two blocks, and what is in it."""
    wanted: dict[str, dict[int, float]] = {}
    for slot in range(2):
        series = []
        for name in "abc":
            samples = [(slot * RANGE + 15_000 * at, float(at % 7)) for at in range(300)]
            wanted.setdefault(f'{{__name__="{name}"}}', {}).update(samples)
            chunks = [samples[at : at + 120] for at in range(0, 300, 120)]
            series.append(({"__name__": name}, [(1, one[0][0], one[-1][0], xor_chunk(one)) for one in chunks]))
        write_block(tmp_path / f"prometheus/{slot:026d}", series, times=(slot * RANGE, (slot + 1) * RANGE))
    return tmp_path / "prometheus", wanted


def test_blocks_of_prometheus_are_imported_one_by_one(tmp_path, prometheus):
    path, wanted = prometheus
    with Intake(tmp_path / "data") as intake:
        assert import_prometheus(intake, path, silent) == Imported(2, 3, 1800)
    assert stored(tmp_path / "data") == wanted


def test_an_interrupted_import_of_blocks_is_continued(tmp_path, prometheus):
    path, wanted = prometheus

    def interrupt(what, done, total):
        if what == "block 2 of 2":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Intake(tmp_path / "data") as intake:
        import_prometheus(intake, path, interrupt)
    assert [max(one) for one in stored(tmp_path / "data").values()] == [299 * 15_000] * 3
    with Intake(tmp_path / "data") as intake:
        assert import_prometheus(intake, path, silent) == Imported(1, 3, 900, skipped=1)
    assert stored(tmp_path / "data") == wanted
    with Intake(tmp_path / "data") as intake:
        assert import_prometheus(intake, path, silent) == Imported(skipped=2)


def test_a_damaged_block_is_named_and_leaves_nothing(tmp_path, prometheus):
    path, _ = prometheus
    shutil.rmtree(path / f"{1:026d}")
    chunks = path / f"{0:026d}/chunks/000001"
    data = np.frombuffer(chunks.read_bytes(), np.uint8).copy()
    data[100] ^= 1
    chunks.write_bytes(data.tobytes())
    complaint = r"chunks/000001: at byte \d+: the checksum of a chunk is wrong"
    with pytest.raises(StorageError, match=complaint), Intake(tmp_path / "data") as intake:
        import_prometheus(intake, path, silent)
    assert stored(tmp_path / "data") == {}


def test_a_directory_without_blocks_is_refused(tmp_path):
    with Intake(tmp_path / "data") as intake, pytest.raises(StorageError, match="no block of Prometheus"):
        import_prometheus(intake, tmp_path, silent)


HISTOGRAMS = [(5 + 1000 * at, 2 + at, 0, 3.0 * at, [2 + at]) for at in range(5)]


@pytest.fixture
def with_histograms(tmp_path):
    chunk = (2, 5, 4005, histogram_chunk(Shape(positive=[(1, 1)]), HISTOGRAMS))
    floats = (1, 0, 1000, xor_chunk([(0, 1.0), (1000, 2.0)]))
    series = [({"__name__": "a"}, [floats]), ({"__name__": "h", "job": "x"}, [chunk])]
    write_block(tmp_path / "prometheus/01", series, times=(0, RANGE))
    return tmp_path / "prometheus"


def test_native_histograms_are_imported_beside_floats(tmp_path, with_histograms):
    with Intake(tmp_path / "data") as intake:
        assert import_prometheus(intake, with_histograms, silent) == Imported(1, 2, 7)
    with narthex.open(tmp_path / "data") as database:
        answer = database.samples("h")
        assert answer.times.tolist() == [row[0] for row in HISTOGRAMS]
        assert [(one.count, one.sum) for one in answer.histograms] == [(row[1], row[3]) for row in HISTOGRAMS]
        assert database.series() == [Labels({"__name__": "a"}), Labels({"__name__": "h", "job": "x"})]


async def test_imported_histograms_join_those_of_a_server_and_its_series_keep_their_names(make, with_histograms):
    histogram = Histogram(count=9.0, sum=9.0, positive=Buckets.run(1, [9.0]))
    labels = [Labels({"__name__": "h", "job": "x"}), Labels({"__name__": "other"}), Labels({"__name__": "u"})]
    storage = make()
    await storage.start()
    refs = storage.register(labels)
    lane = storage.open_lane(1000, 0)
    lane.extend(refs[1:])
    beside = HistogramPoints.of(refs[:1].tolist(), [RANGE], [histogram])
    storage.append(Batch(lane, RANGE, np.array([1.0, 2.0]), histograms=beside))
    await storage.stop()
    with Intake(make.data) as intake:
        import_prometheus(intake, with_histograms, silent)
    for _ in range(2):  # a second start finds what the first one made of it
        storage = make()
        await storage.start()
        found = storage.select([Matcher(MatchOp.EQUAL, "__name__", "h")], 0, RANGE)
        assert found.labels.all_labels() == labels[:1]
        assert found.histograms.times.tolist() == [*(row[0] for row in HISTOGRAMS), RANGE]
        assert storage.series([], 0, RANGE) == [Labels({"__name__": "a"}), *labels]
        await storage.stop()


def test_histograms_of_an_import_that_fails_are_not_kept(tmp_path, with_histograms):
    (chunks,) = with_histograms.glob("01/chunks/*")
    chunks.write_bytes(chunks.read_bytes()[:-1] + b"?")
    with pytest.raises(StorageError, match="checksum of a chunk"), Intake(tmp_path / "data") as intake:
        import_prometheus(intake, with_histograms, silent)
    assert not list((tmp_path / "data").glob("histograms/*"))
