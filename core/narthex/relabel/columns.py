"""Relabel rules over many label sets of the same names at once, column by column.

A column holds one label's value for every row; a text stands for a column of equal values. An empty value is an absent
label, as everywhere, so rows may differ in the labels they have without being taken apart. Columns are read from the
rows when a rule asks for them: of the thirty labels that discovery gives a target, most are never looked at.

The order of labels, which ``labelmap`` goes by where two labels come to one name, is that of the single dict as long as
a rule does the same to every row. Where it does not, and a later ``labelmap`` would depend on it,
:class:`UnfitError` is raised, and whoever called does the rows one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import compress, repeat
from operator import eq, itemgetter, ne, not_
from typing import TypeVar

from narthex.model.columnrule import ColumnRule, Compare, Copy, Filter, Map, Write

__all__ = ["Column", "Table", "UnfitError"]

T = TypeVar("T")
Column = str | list[str]


class UnfitError(Exception):
    """The rows have to be done one by one."""


class _Unread:
    """A column that still stands in the rows."""

    __slots__ = ("rows",)

    def __init__(self, rows: str) -> None:
        self.rows = rows


_GROUP, _OWN = _Unread("groups"), _Unread("owns")


class Table:
    """The rows: their own labels over those of their group over ``defaults``. All rows have the same names.

    ``groups`` may be one mapping that all rows share. ``rows`` are the numbers of the rows that are left, ``dropped``
    those that are not with the rule that dropped them, from 0.
    """

    def __init__(
        self,
        defaults: Mapping[str, str],
        groups: Sequence[Mapping[str, str]] | Mapping[str, str],
        owns: Sequence[Mapping[str, str]],
    ) -> None:
        self.rows: list[int] = list(range(len(owns)))
        self.dropped: list[tuple[int, int]] = []
        self._defaults = defaults
        self._groups = groups
        self._owns = owns
        group = groups if isinstance(groups, Mapping) else groups[0]
        places: dict[str, str | _Unread] = {**defaults}
        places.update(group if isinstance(groups, Mapping) else dict.fromkeys(group, _GROUP))
        places.update(dict.fromkeys(owns[0], _OWN))
        self._columns: dict[str, Column | _Unread] = {}
        for name in sorted(places):
            place = places[name] or defaults.get(name, "")
            if place:
                self._columns[name] = place
        self._sparse: set[str] = set()
        """Columns in which some rows have nothing."""
        self._disordered: set[str] = set()
        """Columns whose place among the others differs from row to row."""

    def run(self, rules: Iterable[ColumnRule]) -> None:
        """Run every rule. Raises ``UnfitError``, and whatever a rule's function raises."""
        for index, rule in enumerate(rules):
            if isinstance(rule, Filter):
                self._filter(index, _each(rule.keeps, self._joined(rule.sources, rule.separator)))
            elif isinstance(rule, Compare):
                self._compare(index, rule)
            elif isinstance(rule, Copy):
                self._copy(rule)
            elif isinstance(rule, Write):
                self._write(rule)
            elif isinstance(rule, Map):
                self._map(rule)
            else:
                self._columns = {name: one for name, one in self._columns.items() if rule.keeps(name)}
            if not self.rows:
                return

    @property
    def names(self) -> tuple[str, ...]:
        """The labels that any row may have."""
        return tuple(self._columns)

    def read(self, name: str) -> Column:
        """The values of a label; empty where it is absent."""
        column = self._columns.get(name, "")
        if isinstance(column, _Unread):
            column = self._load(name, column)
        return column

    def set(self, name: str, column: Column) -> None:
        """Set a label last in order; empty values remove it."""
        self._columns.pop(name, None)
        self._sparse.discard(name)
        self._disordered.discard(name)
        if isinstance(column, list) and "" in column:
            self._sparse.add(name)
        if column:
            self._columns[name] = column

    def keep(self, verdict: Sequence[bool]) -> list[int]:
        """Keep the rows of which it is true; returns the others' numbers."""
        gone = list(compress(self.rows, map(not_, verdict)))
        if gone:
            self.rows = list(compress(self.rows, verdict))
            self._owns = list(compress(self._owns, verdict))
            if not isinstance(self._groups, Mapping):
                self._groups = list(compress(self._groups, verdict))
            for name, column in self._columns.items():
                if isinstance(column, list):
                    self._columns[name] = list(compress(column, verdict))
        return gone

    # --- rules -------------------------------------------------------------------------------------------------------

    def _load(self, name: str, place: _Unread) -> Column:
        groups = self._groups
        rows = self._owns if place is _OWN else groups if not isinstance(groups, Mapping) else [groups]
        column = list(map(itemgetter(name), rows))
        if "" in column:
            default = self._defaults.get(name, "")
            if default:
                column = [value or default for value in column]
            else:
                self._sparse.add(name)
        self._columns[name] = column
        return column

    def _joined(self, sources: Sequence[str], separator: str) -> Column:
        columns = [self.read(name) for name in sources]
        if len(columns) == 1:
            return columns[0]
        if all(isinstance(one, str) for one in columns):
            return separator.join(columns)  # type: ignore[arg-type]  # all are texts
        if len(columns) == 2:
            return [first + separator + second for first, second in zip(*map(self._listed, columns), strict=False)]
        return list(map(separator.join, zip(*map(self._listed, columns), strict=False)))

    @staticmethod
    def _listed(column: Column) -> Iterable[str]:
        return repeat(column) if isinstance(column, str) else column

    def _filter(self, index: int, verdict: bool | list[bool]) -> None:  # noqa: FBT001 -- one for all rows, or each
        if isinstance(verdict, list):
            if not all(verdict):
                self.dropped += [(row, index) for row in self.keep(verdict)]
        elif not verdict:
            self.dropped += [(row, index) for row in self.rows]
            self.rows = []

    def _compare(self, index: int, rule: Compare) -> None:
        one, two = self._joined(rule.sources, rule.separator), self.read(rule.target)
        same = eq if rule.equal else ne
        if isinstance(one, str) and isinstance(two, str):
            self._filter(index, same(one, two))
        else:
            self._filter(index, list(map(same, self._listed(one), self._listed(two))))

    def _copy(self, rule: Copy) -> None:
        value = self._joined(rule.sources, rule.separator)
        if rule.removes or (value and "" not in value) or (isinstance(value, str) and value):
            self.set(rule.target, value)
        elif isinstance(value, list):
            self._overlay(rule.target, [one or None for one in value])

    def _write(self, rule: Write) -> None:
        value = _each(rule.result, self._joined(rule.sources, rule.separator))
        if isinstance(value, list):
            self._overlay(rule.target, value)
        elif value is not None:
            self.set(rule.target, value)

    def _overlay(self, name: str, values: list[str | None]) -> None:
        """Set a label in the rows that have a value, an empty one included."""
        missing = values.count(None)
        if missing == len(values):
            return
        if missing:
            before = self._listed(self.read(name))
            values = [old if value is None else value for value, old in zip(values, before, strict=False)]
        self.set(name, values)  # type: ignore[arg-type]  # no None is left
        if missing:
            self._disordered.add(name)

    def _map(self, rule: Map) -> None:
        changes = [(name, new) for name in self._columns if (new := rule.name_of(name))]
        self._refuse_if_order_matters(changes)
        for new, column in [(new, self.read(name)) for name, new in changes]:
            if isinstance(column, list) and "" in column:
                self._overlay(new, [value or None for value in column])
            else:
                self.set(new, column)

    def _refuse_if_order_matters(self, changes: Sequence[tuple[str, str]]) -> None:
        if not self._disordered:
            return
        by_new: dict[str, list[str]] = {}
        for name, new in changes:
            by_new.setdefault(new, []).append(name)
        if any(len(names) > 1 and not self._disordered.isdisjoint(names) for names in by_new.values()):
            raise UnfitError


def _each(function: Callable[[str], T], column: Column) -> T | list[T]:
    """The function of every value, called once for each distinct one where they repeat."""
    if isinstance(column, str):
        return function(column)
    distinct = set(column)
    if len(distinct) * 2 > len(column):
        return list(map(function, column))
    known = {value: function(value) for value in distinct}
    return list(map(known.__getitem__, column))
