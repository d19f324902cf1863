"""``info()``: add the labels of info metrics (``target_info`` …) to the series of the same instance and job.

Which info series belongs to a series may change from step to step. So for each series the steps are split by what was
found: one result series for each distinct set of info series, present where that set was in force.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from narthex.errors import QueryError
from narthex.model.labels import Labels
from narthex.model.labeltable import LabelTable
from narthex.model.matcher import Matcher, MatchOp
from narthex.promql.ast import At, Expr, SubqueryExpr, VectorSelector, children
from narthex.promql.engine.functions.registry import Function, Invocation
from narthex.promql.engine.grouping import joint_groups, used_codes
from narthex.promql.engine.selectors import instant
from narthex.promql.engine.vector import Bools, Ints, Vector

__all__ = ["FUNCTIONS"]

_IDENTIFYING = ("instance", "job")
_DEFAULT_NAME = Matcher(MatchOp.EQUAL, "__name__", "target_info")


@dataclass(frozen=True, slots=True)
class _Infos:
    """Info series, and for each info metric and match group the row in force at each step (``[K, groups]``, or -1)."""

    labels: Sequence[Labels]
    winners: tuple[Ints, ...]


def _info(invocation: Invocation) -> Vector:
    base = invocation.vector(0)
    selector = invocation.argument(1) if invocation.count > 1 else None
    matchers = selector.matchers if isinstance(selector, VectorSelector) else ()
    names = tuple(one for one in matchers if one.name == "__name__") or (_DEFAULT_NAME,)
    wanted = tuple(one for one in matchers if one.name != "__name__")
    if not base.size:
        return base
    at, offset = _reference(invocation.argument(0))
    lookup = VectorSelector("", (*names, *wanted), offset, at=at)
    looked_up = instant(invocation.evaluation, lookup, invocation.steps)
    found, times = looked_up.vector, looked_up.times
    if (native := found.histogram_cells()) is not None and native.any():
        raise QueryError("this should be an info metric, with float samples: " + _first_native(found, native))
    base_ids, info_ids, groups = joint_groups(base.labels, found.labels, _IDENTIFYING)
    infos = _Infos(found.labels.all_labels(), _winners(found, times, info_ids, groups))
    return _combined(base, _plain_rows(base, names), base_ids, infos, wanted)


def _first_native(found: Vector, native: Bools) -> str:
    return str(found.labels.labels(int(np.flatnonzero(native.any(axis=0))[0])))


def _reference(expr: Expr) -> tuple[At | None, int]:
    """When the samples that ``expr`` shows were taken: the ``@`` and the offset on the way to its first selector."""
    at, offset = None, 0
    node: Expr | None = expr
    while node is not None:
        if isinstance(node, VectorSelector | SubqueryExpr):
            if node.at is not None:
                at, offset = node.at, 0
            offset += node.offset
        below = children(node)
        node = next((one for one in below if _has_selector(one)), None)
    return at, offset


def _has_selector(expr: Expr) -> bool:
    return isinstance(expr, VectorSelector) or any(_has_selector(one) for one in children(expr))


def _plain_rows(base: Vector, names: Sequence[Matcher]) -> Bools:
    """Series that stay as they are: info series themselves, and those that nothing identifies."""
    metric = base.labels.columns.get("__name__")
    values = [""] * base.size if metric is None else metric.values()
    is_info = np.array([all(matcher.matches(value) for matcher in names) for value in values], dtype=np.bool_)
    nobody = np.ones(base.size, dtype=np.bool_)
    for name in _IDENTIFYING:
        column = base.labels.columns.get(name)
        if column is not None:
            nobody &= column.codes == 0
    return is_info | nobody


def _winners(found: Vector, times: Ints, ids: Ints, groups: int) -> tuple[Ints, ...]:
    """For each info metric the series with the newest sample of each group; two equally new ones are an error."""
    metric = found.labels.columns.get("__name__")
    if metric is None:
        return ()
    ages = np.where(found.mask(), times, np.iinfo(np.int64).min)
    steps = np.arange(found.steps)
    winners = []
    for code in used_codes(metric.codes).tolist():
        winner = np.full((found.steps, groups), -1)
        newest = np.full((found.steps, groups), np.iinfo(np.int64).min)
        for row in np.flatnonzero(metric.codes == code).tolist():
            group, age = ids[row], ages[:, row]
            known, here = newest[:, group], age > np.iinfo(np.int64).min
            tied = steps[here & (age == known)]
            if len(tied):
                other = found.labels.labels(int(winner[tied[0], group]))
                raise QueryError(f"found duplicate series for info metric: {other}, {found.labels.labels(row)}")
            newer = here & (age > known)
            winner[newer, group], newest[newer, group] = row, age[newer]
        winners.append(winner)
    return tuple(winners)


def _combined(base: Vector, plain: Bools, ids: Ints, infos: _Infos, wanted: Sequence[Matcher]) -> Vector:
    labels: list[Labels] = []
    columns: list[int] = []
    masks: list[Bools] = []
    all_labels, mask = base.labels.all_labels(), base.mask()
    needed = any(not matcher.matches("") for matcher in wanted)
    named = frozenset(matcher.name for matcher in wanted)
    for row, own in enumerate(all_labels):
        if plain[row] or not infos.winners:
            sets, which = np.full((1, 0), -1), np.zeros(base.steps, dtype=np.int64)
        else:
            chosen = np.stack([winner[:, ids[row]] for winner in infos.winners], axis=1)
            sets, which = np.unique(chosen, axis=0, return_inverse=True)
        for number, members in enumerate(sets.tolist()):
            matched = [infos.labels[one] for one in members if one >= 0]
            if not matched and needed and not plain[row]:
                continue
            added = _added(own, matched, named)
            labels.append(own.with_labels(added))
            columns.append(row)
            masks.append(mask[:, row] & (which.reshape(-1) == number))
    if not columns:
        return Vector.empty(base.steps)
    taken = np.array(columns)
    unnamed = None if base.unnamed is None else base.unnamed[taken]
    present = np.stack(masks, axis=1)
    histograms = None if base.histograms is None else base.histograms[:, taken]
    return Vector(LabelTable.of(labels), base.values[:, taken], present, unnamed, histograms).compacted().merged()


def _added(own: Labels, infos: Sequence[Labels], named: frozenset[str]) -> dict[str, str]:
    """The labels that info series bring: those asked for (or all), where the series has none of its own."""
    added: dict[str, str] = {}
    for info in infos:
        for name, value in info.items():
            if name == "__name__" or name in own or (named and name not in named):
                continue
            if added.setdefault(name, value) != value:
                raise QueryError(f"conflicting label: {name}")
    return added


FUNCTIONS = (Function("info", _info),)
