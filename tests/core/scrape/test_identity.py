import hypothesis.strategies as st
import pytest
from hypothesis import given

from narthex.errors import ScrapeError
from narthex.model.labels import Labels
from narthex.relabel.rules import Rules
from narthex.scrape.identity import LabelLimitError, LabelLimits, SeriesIdentity, merge

NAMES = st.sampled_from(["a", "exported_a", "exported_exported_a", "b", "exported_b"])
LABELS = st.dictionaries(NAMES, st.sampled_from(["", "1", "2"]))


@given(LABELS, LABELS.map(Labels))
def test_without_honor_every_target_label_and_every_exposed_value_is_there(exposed, target):
    merged = merge(exposed, target, honor=False)
    assert target.items() <= merged.items()
    given_values = [value for value in exposed.values() if value]
    assert sorted(merged.values()) == sorted([*given_values, *target.values()])


@given(LABELS, LABELS.map(Labels))
def test_with_honor_the_exposed_labels_win_even_empty_ones(exposed, target):
    merged = merge(exposed, target, honor=True)
    assert merged == {name: value for name, value in {**target, **exposed}.items() if value}


@pytest.mark.parametrize(
    ("limits", "fails"),
    [
        (LabelLimits(count=3), False),
        (LabelLimits(count=2), True),
        (LabelLimits(name_length=8), False),
        (LabelLimits(name_length=7), True),
        (LabelLimits(value_length=4), False),
        (LabelLimits(value_length=3), True),
    ],
)
def test_limits_count_the_name_and_measure_bytes(limits, fails):
    identity = SeriesIdentity(Labels({"job": "j"}), Rules(), limits=limits)
    exposed = {"__name__": "m", "x": "ää"}
    if fails:
        with pytest.raises(LabelLimitError):
            identity.of(exposed)
    else:
        assert identity.of(exposed) == Labels({**exposed, "job": "j"})


@pytest.mark.parametrize("result", [{"a": "1"}, {"__name__": ""}, {"__name__": "m.x"}, {"__name__": "m", "a.b": "1"}])
def test_relabeling_into_an_invalid_series_fails_the_scrape(result):
    identity = SeriesIdentity(Labels(), Rules([lambda _: dict(result)], ["set"]), legacy_names=True)
    with pytest.raises(ScrapeError):
        identity.of({"__name__": "m"})


def test_relabeling_to_nothing_drops_the_series():
    assert SeriesIdentity(Labels(), Rules([lambda _: {}], ["clear"])).of({"__name__": "m"}) is None


def test_report_series_carry_the_targets_labels_and_their_own_name():
    target = Labels({"job": "j", "__name__": "odd"})
    assert SeriesIdentity(target, Rules()).report("up") == Labels({"__name__": "up", "job": "j"})
