"""``and``, ``or`` and ``unless``: which series of one side have somebody on the other, at each step."""

from __future__ import annotations

import numpy as np

from narthex.promql.ast import VectorMatching
from narthex.promql.engine.grouping import joint_groups
from narthex.promql.engine.matching import matching_labels
from narthex.promql.engine.vector import Bools, Ints, Vector, concatenate

__all__ = ["set_operation"]


def set_operation(op: str, left: Vector, right: Vector, matching: VectorMatching) -> Vector:
    """The samples of ``left`` (and for ``or`` those of ``right``) that the operator lets through."""
    names = matching_labels(left.labels, right.labels, matching)
    ids_left, ids_right, groups = joint_groups(left.labels, right.labels, names)
    if op == "or":
        rest = right.where(~_opposite(left, ids_left, ids_right, groups))
        # Different series may bring the same labels at different steps (after a name was taken away).
        return concatenate([left, rest], left.steps).compacted().merged()
    opposite = _opposite(right, ids_right, ids_left, groups)
    return left.where(opposite if op == "and" else ~opposite)


def _opposite(side: Vector, ids: Ints, wanted: Ints, groups: int) -> Bools:
    """For each row number in ``wanted`` whether ``side`` has a sample of that group: bool ``[K, len(wanted)]``."""
    if side.present is None:
        some = np.zeros(groups, dtype=np.bool_)
        some[ids] = True
        return np.broadcast_to(some[wanted], (side.steps, len(wanted)))
    counts = np.zeros((side.steps, groups), dtype=np.bool_)
    steps, columns = np.nonzero(side.present)
    counts[steps, ids[columns]] = True
    return counts[:, wanted]
