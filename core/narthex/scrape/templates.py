"""What the targets of a job have in common: layouts, and templates that spare the next target the parser.

A hundred hosts run the same exporter: their first bodies have one layout, and what the parser says of one holds for all
of them. From the second target with a layout on, the labels of its series are kept as columns, and the first body of
the third is a look at its layout, a column for each of the target's own labels, and one registration of a table.

A template takes about 50 B a sample. Few are kept, because targets of a job are first scraped at about the same time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from narthex.kinds import ScrapeKind
from narthex.model.labeltable import LabelTable
from narthex.model.metadata import FamilyMetadata
from narthex.scrape.layout import Layout
from narthex.scrape.reading import Reading

__all__ = ["Common", "Template"]

_MOST = 4
_MOST_SAMPLES = 20_000
"""Templates kept by a job, and samples in all of them."""


@dataclass(frozen=True, slots=True)
class Template:
    """What a body of this layout means: row ``i`` of ``exposed`` has the labels of the layout's sample ``i``."""

    layout: Layout
    kind: ScrapeKind
    content_type: str
    exposed: LabelTable
    comments: Sequence[bytes]
    families: Mapping[str, FamilyMetadata]


class Common:
    """The layouts in use by one job, each held once; and the templates, the one used last first."""

    def __init__(self) -> None:
        self._layouts: WeakValueDictionary[bytes, Layout] = WeakValueDictionary()
        self._templates: list[Template] = []

    def share(self, layout: Layout) -> Layout:
        """The equal layout that is in use already, or else this one from now on."""
        held = self._layouts.setdefault(layout.key, layout)
        return held if held.equals(layout) else layout

    def find(self, body: bytes, kind: ScrapeKind, content_type: str) -> tuple[Template, NDArray[np.float64]] | None:
        """The template of a body, and the values of its samples."""
        for one in self._templates:
            if one.kind is kind and one.content_type == content_type:
                values = one.layout.read(body)
                if values is not None:
                    self._templates.sort(key=lambda other: other is not one)
                    return one, values
        return None

    def learn(
        self,
        reading: Reading,
        layout: Layout,
        kind: ScrapeKind,
        content_type: str,
        families: Mapping[str, FamilyMetadata],
    ) -> None:
        """Keep what a body meant that was parsed from the first line to the last, if nothing in it was unusual."""
        if layout.samples > _MOST_SAMPLES or not _is_plain(reading, layout):
            return
        exposed = LabelTable.of([sample.entry.labels for sample in reading.parsed])
        kept = [Template(layout, kind, content_type, exposed, reading.comments, dict(families))]
        samples = layout.samples
        for one in self._templates[: _MOST - 1]:
            samples += one.layout.samples
            if samples <= _MOST_SAMPLES:
                kept.append(one)
        self._templates = kept


def _is_plain(reading: Reading, layout: Layout) -> bool:
    """Whether the parser made one sample of each of the layout's, with nothing but a value, and no others.

    A label that is exposed as empty takes a target's label of that name away where these are honored; columns do not
    tell it from none.
    """
    return (
        not reading.stamped
        and not reading.places
        and not reading.apart
        and [sample.place for sample in reading.parsed] == layout.places.tolist()
        and all(sample.entry.timestamp is None and sample.entry.start_timestamp is None for sample in reading.parsed)
        and all(all(sample.entry.labels.values()) for sample in reading.parsed)
    )
