"""Which series of a block satisfy a set of matchers, by its postings."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from narthex.model.matcher import Matcher, MatchOp
from narthex_plugins.tsdb.blocks.labels import BlockLabel

__all__ = ["BlockMatching"]

Ints = NDArray[np.int64]

_FEW = 64
"""Up to so many values their postings are united; for more the codes of the candidates are looked through."""

_REMEMBERED = 32


class BlockMatching:
    """Matches against one block; remembers the verdicts of regular expressions on its values."""

    def __init__(self, labels: Mapping[str, BlockLabel], rows: int) -> None:
        self._labels = labels
        self._rows = rows
        self._verdicts: OrderedDict[tuple[str, MatchOp, str], NDArray[np.bool_]] = OrderedDict()

    def series(self, matchers: Sequence[Matcher]) -> Ints:
        """The series that satisfy all matchers, ascending."""
        found: Ints | None = None
        for matcher in sorted(matchers, key=_cost):
            found = self._narrow(found, matcher)
            if found is not None and not len(found):
                break
        return np.arange(self._rows) if found is None else found

    def _narrow(self, found: Ints | None, matcher: Matcher) -> Ints | None:
        label = self._labels.get(matcher.name)
        if label is None:
            return found if matcher.matches("") else _numbers(BitMap())
        if matcher.op is MatchOp.EQUAL and matcher.value:
            code = label.find(matcher.value)
            return _common(found, label.postings(code) if code else BitMap())
        accepted = self._verdict(label, matcher)
        codes = np.flatnonzero(accepted)
        if accepted[0] or len(codes) > _FEW:
            candidates = np.arange(self._rows) if found is None else found
            return candidates[accepted[label.codes(candidates)]]
        return _common(found, BitMap.union(BitMap(), *map(label.postings, codes.tolist())))

    def _verdict(self, label: BlockLabel, matcher: Matcher) -> NDArray[np.bool_]:
        """For each code, 0 included, whether its value satisfies the matcher."""
        key = (matcher.name, matcher.op, matcher.value)
        known = self._verdicts.get(key)
        if known is None:
            accepts = matcher.predicate()
            texts = label.values(range(label.size + 1))
            known = np.fromiter((accepts(text) for text in texts), dtype=np.bool_, count=len(texts))
            self._verdicts[key] = known  # threads may race here; each has a valid table
            if len(self._verdicts) > _REMEMBERED:
                self._verdicts.pop(next(iter(self._verdicts)), None)
        return known


def _common(found: Ints | None, members: BitMap) -> Ints:
    numbers = _numbers(members)
    return numbers if found is None else np.intersect1d(found, numbers, assume_unique=True)


def _numbers(members: BitMap) -> Ints:
    return np.frombuffer(members.to_array(), dtype=np.uint32).astype(np.int64)


def _cost(matcher: Matcher) -> int:
    return (MatchOp.EQUAL, MatchOp.REGEX, MatchOp.NOT_EQUAL, MatchOp.NOT_REGEX).index(matcher.op)
