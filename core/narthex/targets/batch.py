"""The four steps for many targets at once: those of the same label names share the rules' work, column by column.

It answers what :meth:`narthex.targets.populate.Populate.run` answers for each target; a property test holds it to that.
What is unusual about a row, say a bad address or text that is not UTF-8, is left to that method, and so is a job with a
rule of which nothing is known but its function.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, repeat
from operator import methodcaller
from typing import TYPE_CHECKING

from narthex.model.labels import Labels
from narthex.model.target import Target
from narthex.relabel.columns import Column, Table, UnfitError
from narthex.targets.checks import TIMING, timing
from narthex.targets.layered import LayeredLabels
from narthex.targets.url import plain_path, scrape_url
from narthex.targets.values import DroppedTarget

if TYPE_CHECKING:
    from narthex.targets.populate import Outcomes, Populate

__all__ = ["LEAST", "run_many"]

LEAST = 16
"""Rows from which on columns are faster than one row after the other."""
_MOST = 8192
"""Rows at a time: what is in between takes 10 MB at most, and no call keeps the interpreter for longer than 1 ms."""

_values = methodcaller("values")
Rows = Sequence[Mapping[str, str]]


def run_many(populate: Populate, groups: Rows, owns: Rows, found: Outcomes) -> list[int]:
    """Fill ``found`` for the targets ``owns`` of these groups (one each), and return the places it left open."""
    columns = populate.rules.columns
    if columns is None or not populate.is_plain or len(owns) < LEAST:
        return list(range(len(owns)))
    left: list[int] = []
    for places in _by_names(groups, owns):
        if len(places) < LEAST:
            left += places
            continue
        for begin in range(0, len(places), _MOST):
            left += _run(populate, groups, owns, found, places[begin : begin + _MOST])
    return left


def _run(populate: Populate, groups: Rows, owns: Rows, found: Outcomes, places: list[int]) -> list[int]:
    some = [groups[place] for place in places]
    shared = some[0] if len(set(map(id, some))) == 1 else some
    try:
        batch = _Batch(populate, shared, [owns[place] for place in places])
        return [places[row] for row in batch.run(found, places)]
    except Exception:  # noqa: BLE001 -- a stranger's function; done one by one it fails its own target only
        return places


def _by_names(groups: Rows, owns: Rows) -> Iterable[list[int]]:
    """Places of targets that have the same names from the same layers."""
    shapes: dict[tuple[str, ...], list[int]] = {}
    last: Mapping[str, str] | None = None
    names: tuple[str, ...] = ()
    for place, (group, own) in enumerate(zip(groups, owns, strict=True)):
        if group is not last:
            last, names = group, (*group, "")
        key = (*names, *own)
        known = shapes.get(key)
        if known is None:
            shapes[key] = [place]
        else:
            known.append(place)
    return shapes.values()


class _Batch:
    """Targets of the same names."""

    def __init__(self, populate: Populate, groups: Rows | Mapping[str, str], owns: Rows) -> None:
        self._populate = populate
        self._groups = groups
        self._owns = owns
        self._is_shared = isinstance(groups, Mapping)
        self._table = Table(populate.defaults, groups, owns)
        self._left: list[int] = []

    def run(self, found: Outcomes, places: Sequence[int]) -> list[int]:
        """Write every result to its place; returns the rows that are left to be done one by one."""
        table, populate = self._table, self._populate
        if not _is_valid(self._groups, self._owns):
            raise UnfitError
        table.run(populate.rules.columns or ())
        for row, rule in table.dropped:
            found[places[row]] = DroppedTarget(populate.job, self._discovered(row), rule)
        if table.rows:
            self._address()
        if table.rows:
            self._finish(found, places)
        return self._left

    def _discovered(self, row: int) -> LayeredLabels:
        group = self._groups if self._is_shared else self._groups[row]  # type: ignore[index]  # then it is a sequence
        return LayeredLabels(self._populate.defaults, group, self._owns[row])  # type: ignore[arg-type]

    def _address(self) -> None:
        """Rows without a good address are left; the others' ``instance`` is the address where it is empty."""
        table = self._table
        address = table.read("__address__")
        if isinstance(address, str):
            raise UnfitError
        if "" in address or "/" in "\n".join(address):
            self._left += table.keep(["/" not in one and one != "" for one in address])
            address = table.read("__address__")
            if not address:
                return
        instance = table.read("instance")
        if not instance:
            table.set("instance", address)
        elif isinstance(instance, list) and "" in instance:
            table.set("instance", [one or other for one, other in zip(instance, address, strict=True)])

    def _finish(self, found: Outcomes, places: Sequence[int]) -> None:
        """From columns to targets; rows that lack labels which others have are done apart."""
        table = self._table
        columns = {name: table.read(name) for name in sorted(table.names) if not name.startswith("__meta_")}
        sparse = [name for name, column in columns.items() if isinstance(column, list) and "" in column]
        if not sparse:
            self._build(columns, table.rows, found, places)
            return
        patterns: dict[tuple[bool, ...], list[int]] = {}
        for index, values in enumerate(zip(*[columns[name] for name in sparse], strict=True)):
            patterns.setdefault(tuple(map(bool, values)), []).append(index)
        for pattern, picked in patterns.items():
            absent = {name for name, present in zip(sparse, pattern, strict=True) if not present}
            own: dict[str, Column] = {
                name: column if isinstance(column, str) else [column[index] for index in picked]
                for name, column in columns.items()
                if name not in absent
            }
            self._build(own, [table.rows[index] for index in picked], found, places)

    def _build(
        self, columns: Mapping[str, Column], rows: Sequence[int], found: Outcomes, places: Sequence[int]
    ) -> None:
        populate, job = self._populate, self._populate.job
        public = tuple([name for name in columns if not name.startswith("__")])
        times = self._times(columns, len(rows))
        if times is None:
            self._left += rows
            return
        if not public:
            for row in rows:
                found[places[row]] = DroppedTarget(job, self._discovered(row), None)
            return
        names = tuple(columns)
        values = list(zip(*[_listed(columns[name], len(rows)) for name in names], strict=True))
        finals = [dict(zip(names, row, strict=False)) for row in values]  # without the check it takes 0.2 µs less
        shown = zip(*[_listed(columns[name], len(rows)) for name in public], strict=True)
        params = populate.params
        if params or any(name.startswith("__param_") for name in names):
            urls: Iterable[str] = [scrape_url(final, params) for final in finals]
        else:
            urls = _urls(columns, len(rows))
        discovered, of_values = map(self._discovered, rows), Labels.of_values
        for row, own, final, series, url, before, (interval, timeout) in zip(
            rows, values, finals, shown, urls, discovered, times, strict=True
        ):
            series_labels = of_values(dict(zip(public, series, strict=False)), series)
            found[places[row]] = Target(job, of_values(final, own), url, before, series_labels, interval, timeout)

    def _times(self, columns: Mapping[str, Column], size: int) -> Iterable[tuple[int, int]] | None:
        """Interval and timeout of each row in ms; None where some are wrong."""
        rows = list(zip(*[_listed(columns.get(name, ""), size) for name in TIMING], strict=True))
        try:
            known = {one: timing(one) for one in set(rows)}
        except ValueError:
            return None
        return map(known.__getitem__, rows)


def _listed(column: Column, size: int) -> Iterable[str]:
    return repeat(column, size) if isinstance(column, str) else column


def _urls(columns: Mapping[str, Column], size: int) -> Iterable[str]:
    """URLs without parameters."""
    scheme, path = columns.get("__scheme__", ""), columns.get("__metrics_path__", "")
    addresses = _listed(columns["__address__"], size)
    if isinstance(scheme, str) and isinstance(path, str):
        head, tail = f"{scheme}://", plain_path(path)
        return [head + address + tail for address in addresses]
    parts = zip(_listed(scheme, size), addresses, map(plain_path, _listed(path, size)), strict=True)
    return [f"{head}://{address}{tail}" for head, address, tail in parts]


def _is_valid(groups: Rows | Mapping[str, str], owns: Rows) -> bool:
    """Whether all values are UTF-8; what rules make of valid text is valid."""
    shared = [groups] if isinstance(groups, Mapping) else groups
    text = "".join(chain.from_iterable(map(_values, chain(shared, owns))))
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
