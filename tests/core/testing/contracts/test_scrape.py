"""Each rule of scrape kinds is broken by one parser, caught and named; a small sound one keeps all."""

from __future__ import annotations

import itertools

import pytest
from tests.core.testing.contracts.breaking import own_rules, plugin, verdict_of

from narthex.errors import ExpositionError
from narthex.kinds import ScrapeKind
from narthex.scrape.exposition import Series, number
from narthex.testing.contract import ScrapeContract
from narthex.testing.rigs import ScrapeRig

CSV = "text/csv; charset=utf-8"


def parse(body, content_type):
    """``name,value[,timestamp]`` lines."""
    return [entry(at, line) for at, line in enumerate(body.split(b"\n"), 1) if line]


def entry(at, line):
    cells = line.split(b" ")
    if len(cells) not in {2, 3} or not cells[0].isalpha():
        raise ExpositionError("expected name value [timestamp]", at)
    try:
        when = int(cells[2]) if len(cells) == 3 else None
    except ValueError:
        raise ExpositionError("a timestamp is a whole number", at) from None
    name = cells[0].decode()
    return Series(name, {"__name__": name}, number(cells[1]), when)


def timestamp(text):
    return int(text) if text.isdigit() else None


def rig(parser=parse, *, media_types=("text/csv",), accept="text/csv;version=1", read=timestamp, lines=True, **methods):
    kind = ScrapeKind("csv", (("Csv1", accept),), media_types, parser, lines, read, summary="CSV")
    made = {
        "bodies": lambda self: [(b"up 1\nload 0.5 1700000000000\n\nup 2", CSV)],
        "bad": lambda self: [(b"up", CSV), (b"up x", CSV)],
        **methods,
    }
    return type("Rig", (ScrapeRig,), {"plugin": plugin("narthex_scrape_kinds", kind), "kind": "csv", **made})()


class TestWellBehaved(ScrapeContract):
    @pytest.fixture
    def rig(self):
        return rig()


def nameless(body, content_type):
    return [Series(one.series, {"x": "1"}, one.value) for one in parse(body, content_type)]


def tuples(body, content_type):
    return [*parse(body, content_type), ("up", 1)]


NUMBERS = itertools.count()


def numbering(body, content_type):
    return [Series(one.series, {**one.labels, "n": str(next(NUMBERS))}, one.value) for one in parse(body, content_type)]


def lenient(body, content_type):
    return [entry(at, line) for at, line in enumerate(body.split(b"\n"), 1) if line.count(b" ") == 1]


def chatty(body, content_type):
    try:
        return parse(body, content_type)
    except ExpositionError as error:
        raise ExpositionError(f"cannot read\n{body!r}: {error.message}") from None


def fragile(body, content_type):
    body.decode()
    return parse(body, content_type)


def totals(body, content_type):
    """A sample whose value is that of all lines."""
    found = parse(body, content_type)
    return [Series(one.series, one.labels, sum(other.value for other in found)) for one in found]


def renamed(body, content_type):
    return [Series(f"csv:{one.series}", one.labels, one.value) for one in parse(body, content_type)]


BREAKERS = [
    ("scrape/negotiation", rig(media_types=("text/tsv",)), "protocol Csv1 asks for 'text/csv;version=1'"),
    ("scrape/entries", rig(nameless), "has no __name__"),
    ("scrape/entries", rig(tuples), "which is no entry"),
    ("scrape/entries", rig(numbering), "other entries when the body"),
    ("scrape/errors", rig(lenient), "takes the body b'up'"),
    ("scrape/errors", rig(chatty), "has several lines"),
    ("scrape/fuzz", rig(fragile), "parse raised UnicodeDecodeError"),
    ("scrape/line-oriented", rig(totals), "changed more than that sample's value"),
    ("scrape/line-oriented", rig(renamed), "no line of its own that begins with the series 'csv:up'"),
    ("scrape/timestamp", rig(read=lambda text: int(text or b"0")), "timestamp(b'') is 0"),
    ("scrape/timestamp", rig(read=lambda text: 5 if text.isdigit() and len(text) > 9 else None), "is 5, but parse"),
]


def test_every_rule_has_a_parser_that_breaks_it():
    assert {rule for rule, _, _ in BREAKERS} == own_rules("scrape")


@pytest.mark.parametrize(("rule", "broken", "what"), BREAKERS, ids=[f"{one[0]}-{one[2][:20]}" for one in BREAKERS])
def test_a_parser_that_breaks_the_rule_is_caught(rule, broken, what):
    verdict = verdict_of(rule, broken)
    assert verdict.state == "broken"
    assert what in verdict.what


def test_a_parser_that_claims_nothing_is_not_held_to_it():
    assert verdict_of("scrape/line-oriented", rig(totals, lines=False)).state == "unchecked"
