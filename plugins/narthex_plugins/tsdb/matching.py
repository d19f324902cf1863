"""Which series satisfy a set of matchers.

The metric name narrows first, through its postings. The other matchers are decided once per distinct *value* and then
looked up by code for the candidates that are left. Postings for every other label pair are not kept: scanning
the 4-byte codes of 200,000 series takes about 0.1 ms (``tests/benchmarks/tsdb.py``), and a bitmap for each of the many
values that few series share would take more memory than all codes together.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from narthex.model.matcher import Matcher, MatchOp
from narthex_plugins.tsdb.labelcolumn import LabelColumn
from narthex_plugins.tsdb.series import METRIC, SeriesTable

__all__ = ["Matching"]

Ints = NDArray[np.int64]

_REMEMBERED = 256
_NARROWED = 10_000
"""Series of a metric that other labels are looked up for at once."""


class Matching:
    """Matches against one table; remembers regular expressions' verdicts on dictionary values."""

    def __init__(self, table: SeriesTable) -> None:
        self._table = table
        self._verdicts: OrderedDict[tuple[str, MatchOp, str], tuple[LabelColumn, NDArray[np.bool_]]] = OrderedDict()

    def refs(self, matchers: Sequence[Matcher]) -> Ints:
        """References of the series that satisfy all matchers, ascending."""
        named = [one for one in matchers if one.name == METRIC]
        refs = self._by_name(named)
        for matcher in sorted((one for one in matchers if one.name != METRIC), key=_cost):
            if len(refs) == 0:
                break
            refs = self._narrow(refs, matcher)
        return refs

    def is_quick(self, matchers: Sequence[Matcher]) -> bool:
        """Whether finding the series takes no more than some 50 us: equal labels of one metric that is not large."""
        column = self._table.columns.get(METRIC)
        names = [one.value for one in matchers if one.name == METRIC and one.op is MatchOp.EQUAL]
        if len(names) != 1 or column is None or any(one.op is not MatchOp.EQUAL for one in matchers):
            return False
        return len(column.postings.get(column.index.get(names[0], -1), ())) <= _NARROWED

    def _by_name(self, matchers: Sequence[Matcher]) -> Ints:
        table = self._table
        column = table.columns.get(METRIC)
        if not matchers:
            return table.references()
        if column is None:
            return table.references() if all(one.matches("") for one in matchers) else _none()
        equal = [one for one in matchers if one.op is MatchOp.EQUAL]
        if equal:
            code = column.index.get(equal[0].value)
            codes = [] if code is None else [code]
        else:
            codes = np.flatnonzero(self._lookup(column, matchers[0])).tolist()
        codes = [code for code in codes if all(one.matches(column.values[code]) for one in matchers)]
        found = [one for code in codes if (one := column.postings.get(code)) is not None]
        if not found:
            return _none()
        members = found[0] if len(found) == 1 else BitMap.union(*found)
        return np.frombuffer(members.to_array(), dtype=np.uint32).astype(np.int64)

    def _narrow(self, refs: Ints, matcher: Matcher) -> Ints:
        column = self._table.columns.get(matcher.name)
        if column is None:
            return refs if matcher.matches("") else _none()
        codes = column.at(refs)
        if matcher.op is MatchOp.EQUAL:
            code = column.index.get(matcher.value)
            return _none() if code is None else refs[codes == code]
        if matcher.op is MatchOp.NOT_EQUAL:
            code = column.index.get(matcher.value)
            return refs if code is None else refs[codes != code]
        return refs[self._lookup(column, matcher)[codes]]

    def _lookup(self, column: LabelColumn, matcher: Matcher) -> NDArray[np.bool_]:
        """For each code whether its value satisfies the matcher; only values not seen before are tried."""
        key = (matcher.name, matcher.op, matcher.value)
        seen, known = self._verdicts.pop(key, (column, _NO_VERDICTS))
        if seen is not column:  # another numbering
            known = _NO_VERDICTS
        # Values are appended before their codes are published, so the codes read earlier are all covered.
        values = column.values[len(known) :]
        if values:
            accepts = matcher.predicate()
            new = np.fromiter((accepts(value) for value in values), dtype=np.bool_, count=len(values))
            known = np.concatenate([known, new])
        self._verdicts[key] = column, known  # threads may race here; each has a valid table, and the last one stays
        while len(self._verdicts) > _REMEMBERED:
            self._forget()
        return known

    def _forget(self) -> None:
        try:
            self._verdicts.popitem(last=False)
        except KeyError:  # another thread was faster
            return


_NO_VERDICTS: NDArray[np.bool_] = np.zeros(0, dtype=np.bool_)


def _none() -> Ints:
    return np.zeros(0, dtype=np.int64)


def _cost(matcher: Matcher) -> int:
    return (MatchOp.EQUAL, MatchOp.NOT_EQUAL, MatchOp.REGEX, MatchOp.NOT_REGEX).index(matcher.op)
