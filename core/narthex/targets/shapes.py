"""What depends on a target's label names alone: their order, and which are left at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from typing import Any

from narthex.targets.checks import TIMING

__all__ = ["Merge", "Order", "Outcome"]


class Order:
    """A list of names, and the fastest way to a dict of them: two calls, no loop in Python."""

    __slots__ = ("_pick", "names")

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        self._pick = _picker(self.names)

    def of(self, labels: Mapping[str, str]) -> dict[str, str]:
        """Those labels, in this order. Raises ``KeyError`` when one is absent."""
        return dict(zip(self.names, self._pick(labels), strict=True))


class Merge:
    """How the values of three dicts, a later one hiding an earlier one's, come to a dict sorted by name."""

    __slots__ = ("_names", "_pick")

    def __init__(self, *layers: Iterable[str]) -> None:
        place = {name: index for index, name in enumerate(name for layer in layers for name in layer)}
        self._names = tuple(sorted(place))
        self._pick = _picker(tuple([place[name] for name in self._names]))

    def of(self, values: tuple[str, ...]) -> dict[str, str]:
        """The dict for the values of all layers in a row."""
        return dict(zip(self._names, self._pick(values), strict=True))


class Outcome:
    """Of names after relabeling: the final ones (step 4), and those that series carry; both sorted."""

    __slots__ = ("final", "has_parameters", "known_timing", "pick_timing", "public")

    def __init__(self, names: Iterable[str]) -> None:
        final = sorted(name for name in names if not name.startswith("__meta_"))
        self.final = Order(final)
        self.public = Order(name for name in final if not name.startswith("__"))
        self.has_parameters = any(name.startswith("__param_") for name in final)
        self.pick_timing = _picker(tuple([name for name in TIMING if name in final]))
        self.known_timing: dict[tuple[str, ...], tuple[int, int]] = {}
        """Interval and timeout by the texts that ``pick_timing`` finds. Targets rarely have their own, so each
        combination is parsed once, not once a target."""


def _picker(keys: tuple[Any, ...]) -> Callable[[Any], tuple[str, ...]]:
    if len(keys) > 1:
        return itemgetter(*keys)
    return lambda source: tuple([source[key] for key in keys])
