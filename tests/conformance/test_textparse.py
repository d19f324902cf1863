"""Prometheus's own parser cases."""

from __future__ import annotations

import base64
import contextlib
import math

import pytest
from tests.conformance.cases import decoded, histogram_of, params

from narthex.errors import ExpositionError
from narthex.model import histogram as histograms
from narthex.scrape.exposition import Comment, EndOfBody, Entry, Help, HistogramSeries, Series, Type, Unit
from narthex.scrape.negotiate import choose
from narthex.scrape.strict import Family, Metric, StrictError, read_families
from narthex.web.contenttype import negotiated
from narthex_plugins.exposition import OPENMETRICS, PROTOBUF, TEXT, ParseOptions, parse_openmetrics

KINDS = {"prometheus-text": TEXT, "openmetrics": OPENMETRICS, "protobuf": PROTOBUF}


def as_record(entry: Entry) -> dict | None:
    match entry:
        case Help(metric, text):
            return {"entry": "help", "metric": metric, "help": text}
        case Type(metric, text):
            return {"entry": "type", "metric": metric, "type": text}
        case Unit(metric, text):
            return {"entry": "unit", "metric": metric, "unit": text}
        case Comment(text):
            return {"entry": "comment", "text": text}
        case EndOfBody():
            return None
        case Series() | HistogramSeries():
            value = {"value": entry.value} if isinstance(entry, Series) else {"histogram": entry.histogram}
            return {
                "entry": "series" if isinstance(entry, Series) else "histogram",
                "series": entry.series,
                "labels": dict(entry.labels),
                **value,
                "timestamp_ms": entry.timestamp,
                "start_timestamp_ms": entry.start_timestamp,
                "exemplars": [
                    {"labels": dict(one.labels), "value": one.value, "timestamp_ms": one.timestamp}
                    for one in entry.exemplars
                ],
            }


def body(case: dict) -> bytes:
    if case["input"] is None:
        return base64.b64decode(case["input_base64"])
    text = decoded(case["input"])
    return text if isinstance(text, bytes) else text.encode()


def parse(case: dict) -> list[Entry]:
    kind = KINDS[case["format"]]
    assert kind.configured is not None
    return list(kind.configured(ParseOptions(**case["options"])).parse(body(case), kind.media_types[0]))


def same(found: dict, wanted: dict) -> bool:
    if found["entry"] != wanted["entry"] or found["entry"] not in {"series", "histogram"}:
        return found == wanted
    given = {name: wanted[name] for name in ("labels", "value") if wanted.get(name) is not None}
    if "value" in given:
        given["value"] = decoded(given["value"])
    if "histogram" in wanted:
        expected = histogram_of(wanted["histogram"])
        if not histograms.same(found["histogram"], expected) or found["histogram"].hint is not expected.hint:
            return False
    both_nan = isinstance(given.get("value"), float) and math.isnan(given["value"]) and math.isnan(found["value"])
    if both_nan:
        del given["value"]
    rest = {name: value for name, value in wanted.items() if name not in {"labels", "value", "histogram"}}
    rest["exemplars"] = rest["exemplars"] or []
    return all(found[name] == value for name, value in {**given, **rest}.items())


WHOLE_BODIES = [
    one for suite in ("prometheus_text", "openmetrics", "protobuf", "nhcb") for one in params(f"textparse/{suite}.json")
]


@pytest.mark.parametrize("case", WHOLE_BODIES)
def test_entries_of_a_body(case):
    found = [record for record in map(as_record, parse(case)) if record is not None]
    assert len(found) == len(case["expected"])
    for one, wanted in zip(found, case["expected"], strict=True):
        assert same(one, wanted), (one, wanted)


@pytest.mark.parametrize("case", params("textparse/errors.json"))
def test_what_is_refused(case):
    if case["valid"]:
        parse(case)
        return
    try:
        parse(case)
    except ExpositionError:
        return
    assert case["valid"] is None, "the body should have been refused"


@pytest.mark.parametrize("case", params("textparse/openmetrics_spec.json", should_parse=True))
def test_everything_that_openmetrics_allows_is_read(case):
    parse_openmetrics(body(case), ParseOptions())


@pytest.mark.parametrize("case", params("textparse/content_type.json"))
def test_the_content_type_chooses_the_parser(case):
    if case["parser"] is None:
        with pytest.raises(ExpositionError):
            choose(KINDS.values(), case["content_type"], case["fallback_scrape_protocol"])
        return
    chosen = choose(KINDS.values(), case["content_type"], case["fallback_scrape_protocol"])
    assert chosen.name.replace("_", "-") == case["parser"]


@pytest.mark.parametrize("case", params("textparse/openmetrics_spec.json", should_parse=False))
def test_what_openmetrics_forbids_is_read_or_refused_in_order(case):
    # Prometheus's own parser takes many of these: only the kind of error is fixed.
    with contextlib.suppress(ExpositionError):
        parse_openmetrics(body(case), ParseOptions())


@pytest.mark.parametrize("case", params("textparse/negotiate.json"))
def test_the_format_of_an_answer_is_negotiated(case):
    openmetrics = case["mode"] == "including-openmetrics"
    found = negotiated(case["accept"], case["default_escaping"], openmetrics=openmetrics)
    assert found == case["content_type"]


def as_message(family: Family) -> dict:
    """A family as the suite writes it, after the data model's protobuf messages."""
    message = {
        "name": family.name,
        "type": family.type.upper(),
        "metric": [metric_message(family, one) for one in family.metrics],
    }
    return message if family.help is None else {**message, "help": family.help}


def metric_message(family: Family, metric: Metric) -> dict:
    found: dict = {}
    if metric.labels:
        found["label"] = [{"name": name, "value": value} for name, value in metric.labels.items()]
    if metric.timestamp is not None:
        found["timestamp_ms"] = metric.timestamp
    if family.own_label == "le":
        suffix = "" if metric.whole else "_float"
        found["histogram"] = {f"sample_count{suffix}": metric.count, "sample_sum": metric.sum} | {
            "bucket": [{"upper_bound": bound, f"cumulative_count{suffix}": count} for bound, count in metric.points]
        }
    elif family.own_label == "quantile":
        found["summary"] = {"sample_count": metric.count, "sample_sum": metric.sum} | {
            "quantile": [{"quantile": quantile, "value": value} for quantile, value in metric.points]
        }
    else:
        found[family.type] = {"value": metric.value}
    return found


@pytest.mark.parametrize("case", params("textparse/expfmt_text.json"))
def test_a_strict_reader_reads_families_or_refuses(case):
    text = decoded(case["input"])
    data = text if isinstance(text, bytes) else text.encode()
    if "families" in case:
        wanted = decoded(case["families"])
        assert repr([*map(sorted_keys, map(as_message, read_families(data)))]) == repr([*map(sorted_keys, wanted)])
        return
    for scheme in ("utf8", "legacy"):
        if case[scheme]["valid"]:
            read_families(data, legacy=scheme == "legacy")
            continue
        with pytest.raises(StrictError) as caught:
            read_families(data, legacy=scheme == "legacy")
        assert str(caught.value).startswith(case[scheme]["error_prefix"])


def sorted_keys(value):
    if isinstance(value, dict):
        return {name: sorted_keys(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return [sorted_keys(one) for one in value]
    return float(value) if isinstance(value, int | float) else value
