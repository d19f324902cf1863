"""Whether an update of discovery is believed: the decision alone, without state, clock or I/O.

Discovery fails in two ways. One is loud, an error, and costs nothing, because the old groups stay. The other looks like
success: an API that lost its database answers with an empty list, or with the tenth of it that its cache still holds.
Prometheus believes that and drops the targets without a word. Here such an update is held for a while: additions are
taken at once, removals wait. Only the number counts, not which targets: a deployment that replaces every address is no
loss, and delaying it would leave alerts about hosts that are rightly gone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from narthex.config.safety import DiscoverySafety
from narthex.model.targetgroup import TargetGroup

__all__ = ["Action", "Verdict", "count", "judge", "missing"]


class Action(Enum):
    """What becomes of an update."""

    APPLY = "apply"
    HOLD = "hold"  # its removals wait
    REFUSE = "refuse"  # nothing of it is taken: it is too large


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision and, unless all is well, the reason."""

    action: Action
    reason: str = ""


_FINE = Verdict(Action.APPLY)


def judge(
    before: Sequence[TargetGroup],
    after: Sequence[TargetGroup],
    limits: DiscoverySafety,
    now: float,
    since: float | None = None,
) -> Verdict:
    """Compare what one block had found, ``before``, with its update.

    ``since`` is when the update, or one before it that was held too, was held first; None: it was not. Both times are
    seconds of the same monotonic clock.
    """
    too_large = _size_problem(after, limits)
    if too_large:
        return Verdict(Action.REFUSE, too_large)
    reason = _loss(count(before), count(after), limits)
    if not reason:
        return _FINE
    if since is not None and now >= since + limits.patience.seconds:
        return Verdict(Action.APPLY, f"{reason}; held for {limits.patience}")
    return Verdict(Action.HOLD, reason)


def count(groups: Sequence[TargetGroup]) -> int:
    """How many targets the groups hold."""
    return sum([len(group.targets) for group in groups])


def _loss(before: int, after: int, limits: DiscoverySafety) -> str:
    """Why the fall from one number of targets to the other is suspicious; empty text where it is not."""
    lost = before - after
    if lost <= 0 or not limits.patience:
        return ""
    if not after:
        return "" if limits.allow_empty else f"the update has no targets, there were {before}"
    if lost > limits.max_drop * before:
        return f"the update lacks {lost} of {before} targets, more than max_drop {limits.max_drop}"
    return ""


def _size_problem(groups: Sequence[TargetGroup], limits: DiscoverySafety) -> str:
    if limits.max_groups and len(groups) > limits.max_groups:
        return f"the update has {len(groups)} groups, more than max_groups {limits.max_groups}"
    if limits.max_targets and (targets := count(groups)) > limits.max_targets:
        return f"the update has {targets} targets, more than max_targets {limits.max_targets}"
    if limits.max_bytes:
        size = 0
        for group in groups:
            size += _size(group.labels) + sum(map(_size, group.targets))
            if size > limits.max_bytes:
                return f"the update has more than max_bytes {limits.max_bytes} of labels"
    return ""


def _size(labels: Mapping[str, str]) -> int:
    return sum(map(len, labels)) + sum(map(len, labels.values()))


def missing(before: Sequence[TargetGroup], after: Sequence[TargetGroup]) -> list[TargetGroup]:
    """The targets of ``before`` whose addresses ``after`` lacks, in groups with the labels they had.

    A target whose labels changed is not missing. Of several targets with one address as many count as there are.
    """
    present = Counter(_address(target, group) for group in after for target in group.targets)
    found = []
    for group in before:
        gone = []
        for target in group.targets:
            address = _address(target, group)
            if present[address] > 0:
                present[address] -= 1
            else:
                gone.append(target)
        if len(gone) == len(group.targets):
            found.append(group)
        elif gone:
            found.append(TargetGroup(group.source, tuple(gone), group.labels))
    return found


def _address(target: Mapping[str, str], group: TargetGroup) -> str:
    for labels in (target, group.labels):
        address = labels.get("__address__") or labels.get("__unix_socket__")
        if address:
            return address
    return ""
