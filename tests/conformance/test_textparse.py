"""Prometheus's own parser cases, for the formats that are line oriented."""

from __future__ import annotations

import contextlib
import math

import pytest
from tests.conformance.cases import decoded, params

from narthex.errors import ExpositionError
from narthex.scrape.exposition import Comment, EndOfBody, Entry, Help, Series, Type, Unit
from narthex.scrape.negotiate import choose
from narthex_plugins.exposition import OPENMETRICS, TEXT, ParseOptions, parse_openmetrics, parse_text

PARSERS = {"prometheus-text": parse_text, "openmetrics": parse_openmetrics}
OPTIONS = {"enable_type_and_unit_labels", "skip_start_timestamp_series"}
KINDS = [OPENMETRICS, TEXT]


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
        case Series():
            return {
                "entry": "series",
                "series": entry.series,
                "labels": dict(entry.labels),
                "value": entry.value,
                "timestamp_ms": entry.timestamp,
                "start_timestamp_ms": entry.start_timestamp,
                "exemplars": [
                    {"labels": dict(one.labels), "value": one.value, "timestamp_ms": one.timestamp}
                    for one in entry.exemplars
                ],
            }


def body(case: dict) -> bytes:
    text = decoded(case["input"])
    return text if isinstance(text, bytes) else text.encode()


def parse(case: dict) -> list[Entry]:
    return list(
        PARSERS[case["format"]](body(case), ParseOptions(**{k: v for k, v in case["options"].items() if k in OPTIONS}))
    )


def same(found: dict, wanted: dict) -> bool:
    if found["entry"] != "series":
        return found == wanted
    given = {name: wanted[name] for name in ("labels", "value") if wanted[name] is not None}
    if "value" in given:
        given["value"] = decoded(given["value"])
    both_nan = isinstance(given.get("value"), float) and math.isnan(given["value"]) and math.isnan(found["value"])
    if both_nan:
        del given["value"]
    rest = {name: value for name, value in wanted.items() if name not in {"labels", "value"}}
    rest["exemplars"] = rest["exemplars"] or []
    return all(found[name] == value for name, value in {**given, **rest}.items())


def lacks(case: dict) -> str:
    if case["format"] not in PARSERS:
        return case["format"]
    if any(entry["entry"] == "histogram" for entry in case["expected"]):
        return "native histograms"
    return ""


WHOLE_BODIES = [
    one for suite in ("prometheus_text", "openmetrics", "protobuf", "nhcb") for one in params(f"textparse/{suite}.json")
]


@pytest.mark.parametrize("case", WHOLE_BODIES)
def test_entries_of_a_body(case, request):
    if lacks(case):
        request.applymarker(
            pytest.mark.xfail(strict=True, raises=(KeyError, AssertionError), reason=f"later: {lacks(case)}")
        )
    found = [record for record in map(as_record, parse(case)) if record is not None]
    assert len(found) == len(case["expected"])
    for one, wanted in zip(found, case["expected"], strict=True):
        assert same(one, wanted), (one, wanted)


@pytest.mark.parametrize("case", params("textparse/errors.json"))
def test_what_is_refused(case):
    if case["format"] not in PARSERS:
        pytest.xfail(f"later: {case['format']}")
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
    if case["parser"] == "protobuf":
        pytest.xfail("later: protobuf")
    if case["parser"] is None:
        with pytest.raises(ExpositionError):
            choose(KINDS, case["content_type"], case["fallback_scrape_protocol"])
        return
    chosen = choose(KINDS, case["content_type"], case["fallback_scrape_protocol"])
    assert chosen.name.replace("_", "-") == case["parser"]


@pytest.mark.parametrize("case", params("textparse/openmetrics_spec.json", should_parse=False))
def test_what_openmetrics_forbids_is_read_or_refused_in_order(case):
    # Prometheus's own parser takes many of these: only the kind of error is fixed.
    with contextlib.suppress(ExpositionError):
        parse_openmetrics(body(case), ParseOptions())


@pytest.mark.parametrize("case", params("textparse/negotiate.json") + params("textparse/expfmt_text.json"))
def test_what_exposing_metrics_and_checking_them_needs(case):
    pytest.xfail("later: a strict reader for checking metrics, and negotiation where Narthex is the one scraped")
