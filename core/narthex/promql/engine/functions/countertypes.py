"""Tell which metrics do not look like counters although a rate of them is asked for.

The name says it by its suffix; with the feature ``type-and-unit-labels`` the label ``__type__`` says it instead.
"""

from __future__ import annotations

from collections.abc import Iterator

from narthex.promql.engine.functions.registry import Invocation
from narthex.promql.engine.grouping import row_groups, used_codes
from narthex.promql.engine.vector import Vector
from narthex.promql.strings import quote_go

__all__ = ["note_other_types"]

_SUFFIXES = ("_total", "_sum", "_count", "_bucket")
_TYPES = frozenset({"counter", "histogram"})


def note_other_types(invocation: Invocation, numbers: Vector) -> None:
    """Add an info for each metric of a rate that may not be a counter. Histograms were judged by their hints."""
    by_label = invocation.evaluation.settings.semantics.type_and_unit_labels
    for name, reason in _by_type(numbers) if by_label else _by_name(numbers):
        message = f"metric might not be a counter, {reason}: {quote_go(name)}"
        invocation.annotations.info(message, invocation.pos(0))


def _by_name(numbers: Vector) -> Iterator[tuple[str, str]]:
    names = numbers.labels.columns.get("__name__")
    if names is None or not numbers.size:
        return
    for code in used_codes(names.codes).tolist():
        name = names.dictionary[code]
        if name and not name.endswith(_SUFFIXES):
            yield name, "name does not end in _total/_sum/_count/_bucket"


def _by_type(numbers: Vector) -> Iterator[tuple[str, str]]:
    kinds = numbers.labels.keep(("__name__", "__type__"))
    _, first = row_groups(kinds)
    for row in first.tolist():
        labels = kinds.labels(row)
        name, kind = labels.get("__name__", ""), labels.get("__type__", "")
        if name and kind not in _TYPES:
            yield name, f'__type__ label is not set to "counter" or "histogram", got {quote_go(kind)}'
