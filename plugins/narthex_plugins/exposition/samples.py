"""What the metadata above a sample changes in its labels, and start timestamps out of ``_created`` samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from narthex.kinds import ParseOptions
from narthex.scrape.exposition import Entry, Series, Type
from narthex_plugins.exposition.grammar import State, float_text

__all__ = ["join_start_timestamps", "label_text", "meaning"]

_SUFFIXES = {
    "counter": ("_total", "_created"),
    "histogram": ("_bucket", "_count", "_sum", "_created"),
    "summary": ("_count", "_sum", "_created"),
}
_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
_LATEST = 1e14
"""Seconds; what claims to have started later, or never, tells no start."""
_OWN_LABEL = {"counter": "", "histogram": "le", "summary": "quantile"}


def meaning(labels: dict[str, str], state: State, options: ParseOptions) -> dict[str, str]:
    """The labels with bucket bounds in one spelling and, if asked for, type and unit. May change ``labels``."""
    if "le" in labels and state.type == "histogram":
        labels["le"] = float_text(labels["le"])
    elif "quantile" in labels and state.type == "summary":
        labels["quantile"] = float_text(labels["quantile"])
    if options.enable_type_and_unit_labels:
        if state.type != "unknown":
            labels["__type__"] = state.type
        if state.unit:
            labels["__unit__"] = state.unit
    return labels


def label_text(labels: Mapping[str, str]) -> str:
    """Labels other than the name as a body spells them, in braces; nothing without labels."""
    pairs = [f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels.items() if name != "__name__"]
    return f"{{{','.join(pairs)}}}" if pairs else ""


def join_start_timestamps(entries: Sequence[Entry]) -> list[Entry]:
    """Drop ``_created`` samples of counters, histograms and summaries; their siblings carry the time instead.

    A sibling finds its ``_created`` sample at any place behind itself among the samples of its family, or shares what
    the sibling before it found; samples behind a ``_created`` that came first get none.
    """
    joined: list[Entry] = []
    kind = "unknown"
    cached: tuple[object, int | None] = (None, None)
    for at, entry in enumerate(entries):
        if isinstance(entry, Type):
            kind = entry.type
        if not isinstance(entry, Series) or kind not in _SUFFIXES:
            joined.append(entry)
            continue
        family, suffix = _split(entry, kind)
        if suffix == "_created":
            continue
        identity = _identity(entry, family, kind)
        if cached[0] != identity:
            found = _created_after(entries, at, identity, kind)
            cached = (identity if found is not None else None, found)
        joined.append(replace(entry, start_timestamp=cached[1]))
    return joined


def _created_after(entries: Sequence[Entry], at: int, identity: tuple[object, ...], kind: str) -> int | None:
    for entry in entries[at + 1 :]:
        if not isinstance(entry, Series):
            return None
        family, suffix = _split(entry, kind)
        if family != identity[0]:
            return None
        if suffix == "_created" and _identity(entry, family, kind) == identity:
            return int(entry.value * 1000) if abs(entry.value) < _LATEST else None
    return None


def _split(entry: Series, kind: str) -> tuple[str, str]:
    name = entry.labels["__name__"]
    suffix = next((one for one in _SUFFIXES[kind] if name.endswith(one)), "")
    return name.removesuffix(suffix), suffix


def _identity(entry: Series, family: str, kind: str) -> tuple[object, ...]:
    own = {"__name__", _OWN_LABEL[kind]}
    return (family, frozenset(pair for pair in entry.labels.items() if pair[0] not in own))
