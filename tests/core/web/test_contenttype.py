"""The format of an answer about metrics."""

from __future__ import annotations

import pytest

from narthex.web.contenttype import negotiated

TEXT = "text/plain; version=0.0.4; charset=utf-8; escaping={}"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping={}"


@pytest.mark.parametrize(
    ("accept", "answer"),
    [
        ("", TEXT.format("underscores")),
        ("*/*", TEXT.format("underscores")),
        ("text/html, image/png;q=0.8", TEXT.format("underscores")),
        ("text/plain;q=0.3, application/openmetrics-text;version=1.0.0;q=0.6", OPENMETRICS.format("underscores")),
        ("text/plain;q=0.6, application/openmetrics-text;version=1.0.0;q=0.3", TEXT.format("underscores")),
        ("application/openmetrics-text;version=9;escaping=dots", TEXT.format("dots")),
        ("application/openmetrics-text;version=1.0.0;escaping=odd", OPENMETRICS.format("underscores")),
        ("text/plain;q=x", TEXT.format("underscores")),
    ],
)
def test_the_first_known_wish_is_granted(accept: str, answer: str) -> None:
    assert negotiated(accept, "underscores", openmetrics=True) == answer


def test_openmetrics_may_be_left_out() -> None:
    accept = "application/openmetrics-text;version=1.0.0"
    assert negotiated(accept, "values", openmetrics=False) == TEXT.format("values")
