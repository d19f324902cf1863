"""The functions of ``docs/how-to/write-a-function.md`` do what the page says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from narthex.gotemplate.contributed import plugin_functions
from narthex.model.labels import Labels
from narthex.plugins.host import PluginHost
from narthex.promql.contributed import with_plugins
from narthex.promql.engine import Engine
from narthex.promql.engine.functions.contributed import standard_and
from narthex.rules.files import read_rule_files
from narthex.storage.protocol import Batch
from narthex.testing.storage import MemoryStorage

SAMPLE = Path(__file__).resolve().parents[2] / "docs/how-to/samples/smooth.yml"
HOSTS = {"a": (1.0, 2.0, 4.0), "b": (3.0, 3.0, 3.0), "c": (8.0, 1.0, 5.0)}


@pytest.fixture
def catalog(sample):
    return PluginHost({"smooth": sample("narthex_smooth")}, scan=False).catalog()


@pytest.fixture
def engine(catalog):
    """Three series with samples at 0, 10 and 20 seconds."""
    storage = MemoryStorage()
    lane = storage.open_lane(10_000, 0)
    lane.extend(storage.register([Labels({"__name__": "m", "host": host}) for host in HOSTS]))
    for step, values in enumerate(zip(*HOSTS.values(), strict=True)):
        storage.append(Batch(lane, step * 10_000, np.array(values)))
    return Engine(storage, options=with_plugins(catalog), functions=standard_and(catalog))


def at(engine, query, when=20_000):
    value = engine.instant(query, when).value
    return {one["host"]: number for one, number in zip(value.labels.all_labels(), value.values.tolist(), strict=True)}


def mean(samples, weight):
    """The same, sample by sample."""
    weights = [(1 - weight) ** age for age in range(len(samples))]
    return sum(w * v for w, v in zip(weights, reversed(samples), strict=True)) / sum(weights)


@pytest.mark.parametrize("weight", [0.0, 0.2, 0.9])
@pytest.mark.parametrize(("span", "samples"), [("1m", 3), ("15s", 2), ("5s", 1)])
def test_ewma_is_the_weighted_mean_of_the_window(engine, weight, span, samples):
    expected = {host: mean(values[-samples:], weight) for host, values in HOSTS.items()}
    assert at(engine, f"ewma_over_time(m[{span}], {weight})") == pytest.approx(expected)


def test_the_weight_may_change_from_step_to_step(engine):
    query = "ewma_over_time(m{host='a'}[1m], time() / 40)"
    result = engine.range(query, 0, 20_000, 10_000).value
    expected = [mean(HOSTS["a"][: n + 1], n / 4) for n in range(3)]
    assert result.values.tolist() == pytest.approx(expected)


def test_zscore_is_the_distance_from_the_mean_of_all(engine):
    newest = np.array([values[-1] for values in HOSTS.values()])
    expected = (newest - newest.mean()) / newest.std()
    assert list(at(engine, "zscore(m)").values()) == pytest.approx(expected.tolist())


def test_zscore_counts_only_what_is_there(engine):
    result = engine.range("zscore(m > 2)", 0, 20_000, 10_000).value
    rows = zip(result.labels.all_labels(), result.offsets[:-1], result.offsets[1:], strict=True)
    times = {one["host"]: result.times[low:high].tolist() for one, low, high in rows}
    assert times == {"a": [20_000], "b": [0, 10_000, 20_000], "c": [0, 20_000]}


def test_the_rule_of_the_page_is_one(catalog):
    (file,) = read_rule_files([SAMPLE], with_plugins(catalog), plugin_functions(catalog)).values()
    assert [rule.alert for group in file.groups for rule in group.rules] == ["OddOneOut"]
    runbook = plugin_functions(catalog)["runbook"]
    assert runbook.call("OddOneOut") == "https://runbooks.example.org/oddoneout"
