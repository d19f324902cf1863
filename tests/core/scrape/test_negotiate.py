import pytest

from narthex.errors import ExpositionError
from narthex.kinds import ScrapeKind
from narthex.scrape.negotiate import DEFAULT_PROTOCOLS, accept_header, choose, media_type
from narthex_plugins.exposition import OPENMETRICS, TEXT

KINDS = (OPENMETRICS, TEXT)


def test_one_protocol_leaves_the_rest_as_second_best():
    assert accept_header(KINDS, ["PrometheusText0.0.4"]) == "text/plain;version=0.0.4;q=0.6,*/*;q=0.5"


def test_protocols_that_nobody_reads_are_not_asked_for():
    assert accept_header(KINDS, ["PrometheusProto", "PrometheusText0.0.4"]).startswith("text/plain;version=0.0.4;q=0.6")


def test_many_protocols_keep_their_order():
    kind = ScrapeKind("many", tuple((f"P{n}", f"x/y{n}") for n in range(20)), (), lambda _body, _type: ())
    header = accept_header((kind,), [f"P{n}" for n in range(20)])
    weights = [float(part.rpartition("q=")[2]) for part in header.split(",")]
    assert weights == sorted(weights, reverse=True)
    assert len(set(weights)) == 21
    assert all(0 < weight < 1 for weight in weights)


@pytest.mark.parametrize(
    ("header", "base"),
    [
        ("text/plain", "text/plain"),
        ("Text/Plain; charset=utf-8", "text/plain"),
        ("text/plain;version=0.0.4", "text/plain"),
        ("", None),
        ("text", None),
        ("text/", None),
        ("/plain", None),
        ("text/plain/x", None),
        ("text/plain charset", None),
    ],
)
def test_the_base_media_type(header, base):
    assert media_type(header) == base


def test_an_unknown_type_needs_a_fallback_that_is_known():
    with pytest.raises(ExpositionError, match="text/html"):
        choose(KINDS, "text/html")
    with pytest.raises(ExpositionError):
        choose(KINDS, "text/html", "PrometheusProto")
    assert choose(KINDS, "text/html", DEFAULT_PROTOCOLS[0]) is OPENMETRICS
