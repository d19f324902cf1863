"""What a discoverer publishes is checked before it is believed: a stranger's plugin may hand over anything."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from narthex.errors import DiscoveryError
from narthex.model.targetgroup import TargetGroup

__all__ = ["checked"]

_TEXT = {str}

Values = dict[str, str]
"""Values met so far in one publish: an equal one becomes the same object. Zones, images and ports repeat over a fleet;
each time anew they are a kilobyte a target."""


def checked(groups: object, skipped: list[str] | None = None) -> tuple[TargetGroup, ...]:
    """The groups, with plain dicts of their own, so that nobody changes them later.

    Raises ``DiscoveryError`` that says which group and target is wrong: not a sequence of ``TargetGroup``, a source
    that is no text, labels that are not text, a target without ``__address__``. With ``skipped`` a wrong target, or a
    group that is wrong itself, is left out instead, and what is wrong with it is added there.
    """
    if isinstance(groups, (str, bytes, Mapping, TargetGroup)) or not isinstance(groups, Iterable):
        raise DiscoveryError(f"published {_name(groups)} where a sequence of TargetGroup is expected")
    values: Values = {}
    if skipped is None:
        return tuple([_group(group, index, values) for index, group in enumerate(groups)])
    found = [_lenient(group, index, skipped, values) for index, group in enumerate(groups)]
    return tuple([own for own in found if own is not None])


def _lenient(group: object, index: int, skipped: list[str], values: Values) -> TargetGroup | None:
    """The group less its wrong targets; None where it is wrong itself, or all of its targets are."""
    try:
        return _group(group, index, values)
    except DiscoveryError as error:
        first = str(error)
    if not isinstance(group, TargetGroup) or not isinstance(group.targets, (tuple, list)):
        skipped.append(first)
        return None
    good: list[Mapping[str, str]] = []
    for target in group.targets:
        try:
            good += _group(TargetGroup(group.source, (target,), group.labels), index, values).targets
        except DiscoveryError as error:
            skipped.append(str(error))
    # A group of nothing but rubbish must not retract what its source had before.
    return _group(TargetGroup(group.source, tuple(good), group.labels), index, values) if good else None


def _group(group: object, index: int, values: Values) -> TargetGroup:
    if not isinstance(group, TargetGroup):
        raise DiscoveryError(f"published {_name(group)} as group {index} where a TargetGroup is expected")
    if not isinstance(group.source, str):
        raise DiscoveryError(f"group {index}: source is {_name(group.source)}, expected text")
    place = f"group {group.source!r}"
    labels = _labels(group.labels, values, f"{place}: labels")
    if isinstance(group.targets, (str, bytes, Mapping)) or not isinstance(group.targets, Iterable):
        raise DiscoveryError(f"{place}: targets is {_name(group.targets)}, expected a sequence of label sets")
    targets = tuple([_labels(target, values, place, number) for number, target in enumerate(group.targets)])
    if "__address__" not in labels and "__unix_socket__" not in labels:
        for number, target in enumerate(targets):
            if "__address__" not in target and "__unix_socket__" not in target:
                raise DiscoveryError(f"{place}: target {number} has no __address__")
    return TargetGroup(group.source, targets, labels)


def _labels(labels: Any, values: Values, place: str, number: int | None = None) -> dict[str, str]:
    if not isinstance(labels, Mapping):
        raise DiscoveryError(f"{_where(place, number)} is {_name(labels)}, expected a mapping of labels")
    own = labels if type(labels) is dict else dict(labels)
    names, texts = _shared(tuple(own)), list(own.values())
    # One set of types for all values costs a third of a test for each; a large group has a million of them.
    if names is None or not {*map(type, texts)} <= _TEXT:
        return _plain(own, _where(place, number))
    return dict(zip(names, map(values.setdefault, texts, texts), strict=False))


def _where(place: str, number: int | None) -> str:
    return place if number is None else f"{place}: target {number}"


@lru_cache(1024)
def _shared(names: tuple[Any, ...]) -> tuple[str, ...] | None:
    """Names that are the same objects for all targets; None where not all are text.

    Adapters put them together anew for each target, which is 2 KB a target.
    """
    return tuple(map(sys.intern, names)) if {*map(type, names)} <= _TEXT else None


def _plain(labels: dict[Any, Any], where: str) -> dict[str, str]:
    """Subclasses of ``str`` are text too; everything else is named."""
    for name, value in labels.items():
        if not isinstance(name, str):
            raise DiscoveryError(f"{where}: label name is {_name(name)}, expected text")
        if not isinstance(value, str):
            raise DiscoveryError(f"{where}: label {str(name)!r} is {_name(value)}, expected text")
    return {str.__str__(name): str.__str__(value) for name, value in labels.items()}


def _name(value: object) -> str:
    return "None" if value is None else type(value).__name__
