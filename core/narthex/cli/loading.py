"""Reading configurations for commands, with errors that say what was meant."""

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

__all__ = ["find_job", "load", "quiet"]


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


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep log lines away while a command runs that tells the same in its own words."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(before)
