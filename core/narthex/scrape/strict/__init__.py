"""A strict reader of the Prometheus text format, for checking what an exporter writes (``narthex check metrics``).

The scraper is lenient, because a scrape should not fail over what it can understand; this reader refuses what the
format does not allow, and puts samples together into families.
"""

from __future__ import annotations

from narthex.scrape.strict.families import Family, Metric
from narthex.scrape.strict.reader import StrictError, read_families

__all__ = ["Family", "Metric", "StrictError", "read_families"]
