"""The contract of a storage, continued: selections and label queries, histograms, and what a restart keeps."""

from __future__ import annotations

import numpy as np

from narthex.model.histogram import Buckets, Histogram, same
from narthex.model.labels import Labels
from narthex.model.matcher import Matcher, MatchOp
from narthex.model.sample import MISSING
from narthex.storage.frames import NO_START, HistogramPoints, Points
from narthex.testing.contracts.storage import StorageRig, agree, lane_of
from narthex.testing.rule import Broken, Unchecked, rule
from narthex.testing.storage_contract import STEP, T0, equal, family, histograms, points_of, row, samples, starts

__all__ = ["RULES"]

WINDOW = (T0 - STEP, T0 + STEP)


@rule("storage/matchers")
async def matchers(rig: StorageRig) -> None:
    """All four operators decide, over labels that are absent too."""
    storage = await rig.running()
    labels = [
        Labels({"__name__": "a", "x": "1"}),
        Labels({"__name__": "a", "x": "12"}),
        Labels({"__name__": "b", "y": "1"}),
    ]
    lane, _ = lane_of(storage, labels)
    storage.append(row(lane, T0, 1.0, 2.0, 3.0))
    cases = [
        ([equal("__name__", "a")], [0, 1]),
        ([equal("x", "")], [2]),
        ([equal("nothing", "")], [0, 1, 2]),
        ([equal("nothing", "1")], []),
        ([Matcher(MatchOp.NOT_EQUAL, "x", "1")], [1, 2]),
        ([Matcher(MatchOp.NOT_EQUAL, "x", "")], [0, 1]),
        ([Matcher(MatchOp.REGEX, "x", "1.")], [1]),
        ([Matcher(MatchOp.REGEX, "__name__", "a|b"), Matcher(MatchOp.NOT_REGEX, "x", ".+")], [2]),
        ([Matcher(MatchOp.NOT_REGEX, "__name__", "a")], [2]),
        ([Matcher(MatchOp.NOT_EQUAL, "__name__", "a"), equal("y", "1")], [2]),
    ]
    for given, expected in cases:
        text = "{" + ",".join(map(str, given)) + "}"
        agree(set(samples(storage, given)), {labels[i] for i in expected}, f"series of {text}")


@rule("storage/label-queries")
async def label_queries(rig: StorageRig) -> None:
    """Names, values and label sets are those of the series in the window, sorted."""
    storage = await rig.running()
    lane, _ = lane_of(storage, [*family(2), Labels({"__name__": "other", "z": "9"})])
    storage.append(row(lane, T0, 1.0, 2.0, 3.0))
    other = [equal("__name__", "other")]
    agree(storage.label_names([], *WINDOW), ["__name__", "i", "z"], "all label names")
    agree(storage.label_names([other], *WINDOW), ["__name__", "z"], "label names of one series")
    agree(storage.label_values("i", [], *WINDOW), ["0", "1"], "values of a label")
    agree(storage.label_values("i", [[equal("i", "1")]], *WINDOW), ["1"], "values of a label of one series")
    agree(storage.label_values("absent", [], *WINDOW), [], "values of a label that there is not")
    expected = [family(2)[1], Labels({"__name__": "other", "z": "9"})]
    agree(storage.series([[equal("i", "1")], [equal("z", "9")]], *WINDOW), expected, "series of two matcher sets")
    agree(storage.stats(10).series, 3, "stats().series")


# --- histograms and start timestamps ---------------------------------------------------------------------------------


def _histogram(count: int) -> Histogram:
    return Histogram(schema=0, count=count, sum=2.0 * count, positive=Buckets.of([(1, count)]))


@rule("storage/histograms")
async def native_histograms(rig: StorageRig) -> None:
    """Native histograms come back with their times, beside floats of the same series."""
    _claimed(rig)
    storage = await rig.running()
    lane, refs = lane_of(storage, family(2))
    held = HistogramPoints.of([int(refs[1])], [T0], [_histogram(3)])
    agree(storage.append(row(lane, T0, 1.0, MISSING, histograms=held)).stored, 2, "stored of a row with a histogram")
    storage.append(row(lane, T0 + STEP, 2.0, 5.0))
    found = histograms(storage)
    agree([time for time, _ in found.get(family(2)[1], [])], [T0], "times of the histograms")
    if not same(found[family(2)[1]][0][1], _histogram(3)):
        raise Broken(f"a histogram came back as {found[family(2)[1]][0][1]}")
    agree([time for time, _ in samples(storage).get(family(2)[1], [])], [T0 + STEP], "times of the floats")
    again = HistogramPoints.of([int(refs[1])], [T0 + STEP], [_histogram(9)])
    agree(storage.append(row(lane, T0 + 2 * STEP, MISSING, MISSING, histograms=again)).duplicate, 1, "duplicates")


@rule("storage/start-timestamps")
async def start_timestamps(rig: StorageRig) -> None:
    """Start timestamps come back with the points they came with."""
    _claimed(rig)
    storage = await rig.running()
    lane, refs = lane_of(storage, family(1))
    own = points_of((int(refs[0]), T0 - 9, 1.0), (int(refs[0]), T0 - 5, 2.0))
    known = Points(own.series, own.times, own.values, np.array([T0 - 100, NO_START], dtype=np.int64))
    storage.append(row(lane, T0, MISSING, points=known))
    agree(starts(storage), {family(1)[0]: [(T0 - 9, T0 - 100)]}, "start timestamps")


def _claimed(rig: StorageRig) -> None:
    if not rig.histograms:
        raise Unchecked("the rig does not claim that the storage takes native histograms")


# --- its life --------------------------------------------------------------------------------------------------------


@rule("storage/restart")
async def restart(rig: StorageRig) -> None:
    """What was stored before a clean stop is there after the next start, and more can be added."""
    if not rig.durable:
        raise Unchecked("the rig does not claim that the storage is durable")
    first = await rig.running()
    lane, refs = lane_of(first, family(3))
    for step in range(150):
        own = points_of((int(refs[2]), T0 + step * STEP + 1, step))
        first.append(row(lane, T0 + step * STEP, step, 1.0, MISSING, points=own))
    before = samples(first)
    await first.stop()
    second = await rig.running()
    agree(samples(second), before, "samples after a restart")
    lane, _ = lane_of(second, family(3))
    second.append(row(lane, T0 + 150 * STEP, 1.0, 2.0, 3.0))
    agree(sum(map(len, samples(second).values())), sum(map(len, before.values())) + 3, "samples after another row")


@rule("storage/restart-histograms")
async def restart_histograms(rig: StorageRig) -> None:
    """A restart keeps histograms and start timestamps too."""
    _claimed(rig)
    if not rig.durable:
        raise Unchecked("the rig does not claim that the storage is durable")
    first = await rig.running()
    lane, refs = lane_of(first, family(1))
    held = HistogramPoints.of([int(refs[0])], [T0], [_histogram(3)], [T0 - 100])
    first.append(row(lane, T0, MISSING, histograms=held))
    await first.stop()
    second = await rig.running()
    ((_, found),) = histograms(second).get(family(1)[0], [(0, _histogram(0))])
    if not same(found, _histogram(3)):
        raise Broken(f"a histogram came back as {found} after a restart")
    agree(starts(second), {family(1)[0]: [(T0, T0 - 100)]}, "start timestamps after a restart")


@rule("storage/stop")
async def stop(rig: StorageRig) -> None:
    """Stopping without a start, and twice, is harmless: a server that fails to start still stops its parts."""
    await rig.make().stop()
    storage = await rig.running()
    await storage.stop()
    await storage.stop()


RULES = (
    matchers, label_queries, native_histograms, start_timestamps, restart, restart_histograms, stop,
)  # fmt: skip
