"""``--enable-feature``: parts of language and scraping that Prometheus keeps behind a flag, under the same names.

A name that is not known gives a warning rather than an error, as in Prometheus: one command line must start several
versions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from narthex.promql.engine.query import Semantics
from narthex.promql.parser import ParserOptions
from narthex.scrape.exposition import StartTimestamps
from narthex.scrape.formats import ScrapeFeatures

__all__ = ["Features", "read_features"]

_PARSER = {
    "promql-experimental-functions": "experimental_functions",
    "promql-extended-range-selectors": "extended_range_selectors",
    "promql-binop-fill-modifiers": "fill_modifiers",
}
_ENGINE = {
    "promql-delayed-name-removal": "delayed_name_removal",
    "type-and-unit-labels": "type_and_unit_labels",
    "use-start-timestamps": "start_timestamps",
}
_STARTS = {  # in this order: what is stored with its samples needs no zeros
    "st-storage": StartTimestamps.STORED,
    "created-timestamp-zero-ingestion": StartTimestamps.ZEROS,
}
_EXEMPLARS = "exemplar-storage"
_ALWAYS_ON = frozenset(
    {
        "native-histograms",
        "ooo-native-histograms",
        "promql-at-modifier",
        "promql-duration-expr",
        "promql-negative-offset",
        "promql-per-step-stats",
    }
)


@dataclass(frozen=True, slots=True)
class Features:
    """What the features amount to; ``unknown`` are names for a warning."""

    parser: ParserOptions
    semantics: Semantics
    scraping: ScrapeFeatures
    exemplars: bool
    unknown: tuple[str, ...]


def read_features(values: Iterable[str]) -> Features:
    """Read the flag's values, each a name or several separated by commas."""
    names = {name.strip() for value in values for name in value.split(",") if name.strip()}
    parser, engine = _chosen(_PARSER, names), _chosen(_ENGINE, names)
    starts = next((meaning for name, meaning in _STARTS.items() if name in names), StartTimestamps.IGNORED)
    scraping = ScrapeFeatures(starts, "type-and-unit-labels" in names)
    unknown = names - {*_PARSER, *_ENGINE, *_STARTS, _EXEMPLARS, *_ALWAYS_ON}
    exemplars = _EXEMPLARS in names
    return Features(ParserOptions(**parser), Semantics(**engine), scraping, exemplars, tuple(sorted(unknown)))


def _chosen(options: Mapping[str, str], names: set[str]) -> dict[str, Any]:
    return {option: name in names for name, option in options.items()}
