"""Labels as people type them on a command line or into a field."""

from __future__ import annotations

__all__ = ["parse_labels"]


def parse_labels(text: str) -> dict[str, str]:
    """Labels as ``name=value,name=value`` or as a series, ``name{label="value"}``. Raises ``ValueError``."""
    if "{" in text:
        return _series(text)
    labels: dict[str, str] = {}
    for pair in filter(None, text.split(",")):
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise ValueError(f'{pair!r} is not name=value; write a value with a comma as {{name="a,b"}}')
        labels[name.strip()] = value
    return labels


def _series(text: str) -> dict[str, str]:
    from narthex.errors import ParseError
    from narthex.model.matcher import MatchOp
    from narthex.promql.ast import VectorSelector
    from narthex.promql.parser import parse

    try:
        selector = parse(text)
    except ParseError as error:
        raise ValueError(f"{text!r} is not a series: {error}") from None
    if not isinstance(selector, VectorSelector) or any(one.op is not MatchOp.EQUAL for one in selector.matchers):
        raise ValueError(f'{text!r} is not a series such as up{{job="node"}}')
    return {one.name: one.value for one in selector.matchers}
