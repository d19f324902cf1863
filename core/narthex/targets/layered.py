"""Labels that are put together when somebody looks: what a target was discovered with.

Only pages and commands ask for them, while every target has them. The parts, the job's defaults and the group's and the
target's labels, are in memory anyway; a dict of its own for each of 100,000 targets of 30 labels would take 150 MB.
"""

from __future__ import annotations

from collections.abc import Mapping

from narthex.model.labels import Labels

__all__ = ["LayeredLabels"]


class LayeredLabels(Labels):
    """A label set like any other, for whoever uses it."""

    __slots__ = ("_defaults", "_group", "_own")

    def __init__(self, defaults: Mapping[str, str], group: Mapping[str, str], own: Mapping[str, str]) -> None:
        """Labels of the target hide the group's, also where they are empty; what is empty then is the default's."""
        self._defaults = defaults
        self._group = group
        self._own = own
        self._hash: int | None = None

    def __getitem__(self, name: str) -> str:
        # Not through the whole: dict() and items() ask for one label after the other.
        value = self._own[name] if name in self._own else self._group.get(name)
        return value or self._defaults[name]

    def get_or_empty(self, name: str) -> str:
        """The value, or the empty text where the label is absent."""
        return self.get(name, "")

    def __reduce__(self) -> tuple[type[Labels], tuple[dict[str, str]]]:
        """A copy is plain labels: whoever makes one wants the values."""
        return Labels, (self._map,)

    @property
    def _map(self) -> dict[str, str]:  # type: ignore[override]  # in place of the attribute, so all methods work
        found = {name: value for name, value in {**self._group, **self._own}.items() if value}
        merged = {**self._defaults, **found}
        return {name: merged[name] for name in sorted(merged)}
