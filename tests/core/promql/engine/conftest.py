"""A storage that answers every ``select`` with series given as text labels and samples."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from narthex.model.labels import Labels
from narthex.model.labeltable import LabelTable
from narthex.storage.frames import Points, Selection


class Series:
    """Series by name and labels, each with samples by time in ms."""

    def __init__(self) -> None:
        self.samples: dict[Labels, dict[int, float]] = {}
        self.asked: list[tuple[int, int]] = []

    def add(self, name: str, samples: Mapping[int, float], **labels: str) -> None:
        self.samples.setdefault(Labels({"__name__": name, **labels}), {}).update(samples)

    def select(self, matchers, start, end):
        self.asked.append((start, end))
        found = [
            (labels, samples)
            for labels, samples in sorted(self.samples.items())
            if all(one.matches(labels.get_or_empty(one.name)) for one in matchers)
        ]
        cells = [(row, t, v) for row, (_, samples) in enumerate(found) for t, v in sorted(samples.items())]
        points = Points(
            np.array([row for row, _, _ in cells], dtype=np.int64),
            np.array([t for _, t, _ in cells], dtype=np.int64),
            np.array([v for _, _, v in cells], dtype=np.float64),
        )
        return Selection(LabelTable.of([labels for labels, _ in found]), (), points)


@pytest.fixture
def storage() -> Series:
    return Series()
