"""Reading configurations and labels for commands, with errors that say what was meant."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING

from narthex.errors import UsageError

if TYPE_CHECKING:
    from narthex.cli.app import App
    from narthex.config.scrape import ScrapeConfig
    from narthex.config.sections import Config
    from narthex.plugins.catalog import Catalog

__all__ = ["find_job", "load", "parse_labels", "quiet"]


def load(app: App, file: str, catalog: Catalog) -> Config:
    """A configuration file, as a server would read it. Raises ``ConfigError``."""
    from narthex.config.load import load_config

    return load_config(file, catalog, env=app.environment)


def find_job(config: Config, name: str) -> ScrapeConfig:
    """A job by name. Raises ``UsageError`` that lists the jobs there are."""
    jobs = {one.job_name: one for one in config.scrape_configs}
    if name in jobs:
        return jobs[name]
    close = get_close_matches(name, jobs, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"jobs: {', '.join(jobs) or 'none'}"
    raise UsageError(f"no job is named {name!r}; {hint}")


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


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep log lines away while a command runs that tells the same in its own words."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(before)
