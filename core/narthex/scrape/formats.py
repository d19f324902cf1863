"""Which formats a target is asked for, and how its answers are read: what the job, and the target's labels, want.

A target may differ from its job in the three switches of histograms, by labels that relabeling sets
(``__scrape_native_histograms__`` and its like), so a job has up to eight of these; most have one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from narthex.config.scrape import ScrapeConfig
from narthex.kinds import ParseOptions, ScrapeKind
from narthex.model.labels import Labels
from narthex.model.switch import TRUE
from narthex.scrape.exposition import StartTimestamps
from narthex.scrape.negotiate import accept_header, choose, default_protocols
from narthex.storage.exemplars import ExemplarRing

__all__ = ["Formats", "HistogramSwitches", "ScrapeFeatures"]

_SWITCHES = ("scrape_native_histograms", "always_scrape_classic_histograms", "convert_classic_histograms_to_nhcb")
_MOST_TYPES = 100


@dataclass(frozen=True, slots=True)
class ScrapeFeatures:
    """What ``--enable-feature`` means to scraping."""

    starts: StartTimestamps = StartTimestamps.IGNORED
    type_and_unit_labels: bool = False
    exemplars: ExemplarRing | None = None


@dataclass(frozen=True, slots=True)
class HistogramSwitches:
    """The three settings about histograms, in the order of ``_SWITCHES``."""

    native: bool = False
    classic: bool = False
    nhcb: bool = False

    @classmethod
    def of(cls, config: ScrapeConfig, labels: Labels) -> HistogramSwitches:
        """The job's, but for those that the target's labels set."""
        return cls(
            *(
                text in TRUE if (text := labels.get_or_empty(f"__{name}__")) else bool(getattr(config, name))
                for name in _SWITCHES
            )
        )


class Formats:
    """The ``Accept`` header, and the kind for each content type of an answer."""

    def __init__(
        self,
        kinds: Sequence[ScrapeKind],
        config: ScrapeConfig,
        switches: HistogramSwitches = HistogramSwitches(),
        features: ScrapeFeatures = ScrapeFeatures(),
    ) -> None:
        options = ParseOptions(
            enable_type_and_unit_labels=features.type_and_unit_labels,
            skip_start_timestamp_series=features.starts is not StartTimestamps.IGNORED,
            ignore_native_histograms=not switches.native,
            convert_classic_histograms_to_nhcb=switches.nhcb,
            keep_classic_on_classic_and_native_histograms=switches.classic,
        )
        self._kinds = [one if one.configured is None else one.configured(options) for one in kinds]
        self._fallback = config.fallback_scrape_protocol
        self._chosen: dict[str, ScrapeKind] = {}
        legacy = config.metric_name_validation_scheme == "legacy"
        escaping = config.metric_name_escaping_scheme or ("underscores" if legacy else "allow-utf-8")
        protobuf_first = switches.native or features.starts is not StartTimestamps.IGNORED
        defaults = default_protocols(protobuf_first=protobuf_first)
        self.accept = accept_header(kinds, config.scrape_protocols or defaults, escaping)

    def choose(self, content_type: str) -> ScrapeKind:
        """The kind that reads this type. Raises ``ExpositionError``."""
        if content_type not in self._chosen:
            if len(self._chosen) >= _MOST_TYPES:  # a target that invents types must not fill the memory
                self._chosen.clear()
            self._chosen[content_type] = choose(self._kinds, content_type, self._fallback)
        return self._chosen[content_type]
