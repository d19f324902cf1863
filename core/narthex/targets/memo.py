"""The targets of one job over time: the pure function, which looks only at what has changed.

Results are remembered by group, and a group is known by the object it is: the supervisor hands on the same object while
a group stays the same. Where a group changed, the targets that did not, in their place or found by address, keep their
results. A target that stays is the same :class:`Target` object, so who comes next can tell without comparing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from typing import cast

from narthex.config.scrape import ScrapeConfig
from narthex.model.labels import Labels
from narthex.model.target import Target
from narthex.model.targetgroup import SourcedGroup
from narthex.relabel.rules import Rules
from narthex.targets.function import final, results
from narthex.targets.populate import Populate, Result
from narthex.targets.values import DroppedTarget, FailedTarget, TargetSet

__all__ = ["TargetMemo"]


_ACTIVE = {Target}


class _Entry:
    """A group and what became of its targets."""

    __slots__ = ("active", "dropped", "failed", "results", "sourced")

    def __init__(self, sourced: SourcedGroup, found: Sequence[Result]) -> None:
        self.sourced = sourced
        self.results = tuple(found)
        self.dropped: tuple[DroppedTarget, ...] = ()
        self.failed: tuple[FailedTarget, ...] = ()
        if {*map(type, found)} <= _ACTIVE:  # nearly always; then one tuple will do
            self.active = cast("tuple[Target, ...]", self.results)
        else:
            self.active = tuple([one for one in found if isinstance(one, Target)])
            self.dropped = tuple([one for one in found if isinstance(one, DroppedTarget)])
            self.failed = tuple([one for one in found if isinstance(one, FailedTarget)])


class TargetMemo:
    """For one job and its rules; a changed job needs a new one. Not for two threads at a time."""

    def __init__(self, job: ScrapeConfig, rules: Rules) -> None:
        self._job = job.job_name
        self._populate = Populate(job, rules)
        self._entries: dict[int, _Entry] = {}
        """By the identity of the group; an entry keeps its group, so no other object can have the same."""
        self._counts: Counter[Labels] = Counter()
        """How often each final label set is there."""
        self._total = self._others = 0
        """Targets that are active, and those that are not."""

    def update(self, groups: Sequence[SourcedGroup]) -> TargetSet:
        """What :func:`narthex.targets.targets` answers for these groups."""
        known = self._entries
        ids = list(map(id, groups))
        present = set(ids)
        new = present.difference(known)  # sets of ids, because everything else that visits every group shows
        fresh = {id(one): one for one in groups if id(one) in new} if new else {}
        gone = [known[key] for key in known.keys() - present]
        made = self._make(fresh.values(), gone)
        for entry in gone:
            del known[id(entry.sourced)]
        known.update(made)
        self._recount(gone, made.values())
        return self._collect(list(map(known.__getitem__, ids)))

    def _make(self, fresh: Iterable[SourcedGroup], gone: Sequence[_Entry]) -> dict[int, _Entry]:
        by_source = {_source(one.sourced): one for one in gone}
        made, new = dict[int, _Entry](), list[SourcedGroup]()
        for sourced in fresh:
            known = by_source.get(_source(sourced))
            if known is None or known.sourced.group.labels != sourced.group.labels:
                new.append(sourced)
            else:
                made[id(sourced)] = _Entry(sourced, self._changed(sourced, known))
        for sourced, found in zip(new, results(self._populate, new), strict=True):
            made[id(sourced)] = _Entry(sourced, found)
        return made

    def _changed(self, sourced: SourcedGroup, known: _Entry) -> list[Result]:
        """The results of a group of which an earlier state is known."""
        old, group = known.sourced.group.targets, sourced.group
        found: list[Result] = list(known.results[: len(group.targets)])
        same = [mine is own or mine == own for mine, own in zip(old, group.targets, strict=False)]
        others = [index for index, equal in enumerate(same) if not equal]
        others += range(len(same), len(group.targets))
        elsewhere = _by_address(old) if any(_moved(old, group.targets, index) for index in others) else {}
        moved: dict[int, Result] = {}
        for index in others:
            own = group.targets[index]
            place = elsewhere.get(own.get("__address__", ""))
            result = known.results[place] if place is not None and old[place] == own else None
            if result is not None and not isinstance(result, FailedTarget):  # a failed one tells its place
                moved[index] = result
        new = [index for index in others if index not in moved]
        outcomes = self._populate.run_all([group.labels] * len(new), [group.targets[index] for index in new])
        moved.update(
            (index, final(self._populate, sourced, index, one)) for index, one in zip(new, outcomes, strict=True)
        )
        for index in others:
            found[index : index + 1] = [moved[index]]  # beyond the end this appends
        return found

    def _recount(self, gone: Iterable[_Entry], made: Iterable[_Entry]) -> None:
        """Targets that stand where they stood cancel out: nearly all where a large group has changed a little."""
        before: dict[tuple[str, str], list[_Entry]] = {}
        for entry in gone:
            before.setdefault(_source(entry.sourced), []).append(entry)
        old, new = list[Target](), list[Target]()
        for entry in made:
            same = before.get(_source(entry.sourced))
            known = same.pop() if same else None
            _add_different(known.active if known else (), entry.active, old, new)
            self._others += _other(entry) - (_other(known) if known else 0)
        for entry in chain.from_iterable(before.values()):
            old.extend(entry.active)
            self._others -= _other(entry)
        self._total += len(new) - len(old)
        self._counts.update(map(attrgetter("labels"), new))
        counts = self._counts
        for target in old:
            counts[target.labels] -= 1
            if not counts[target.labels]:
                del counts[target.labels]

    def _collect(self, entries: Sequence[_Entry]) -> TargetSet:
        several = len(self._entries) < len(entries)  # one group object twice: its targets are all duplicates
        active = tuple(chain.from_iterable(map(attrgetter("active"), entries)))
        dropped: tuple[DroppedTarget, ...] = ()
        failed: tuple[FailedTarget, ...] = ()
        if self._others:
            dropped = tuple(chain.from_iterable(map(attrgetter("dropped"), entries)))
            failed = tuple(chain.from_iterable(map(attrgetter("failed"), entries)))
        total = len(active)
        if several or self._total > len(self._counts):
            first: dict[Labels, Target] = {}
            for target in active:
                first.setdefault(target.labels, target)
            active = tuple(first.values())
        return TargetSet(self._job, active, dropped, failed, total - len(active))


def _source(sourced: SourcedGroup) -> tuple[str, str]:
    return sourced.provider, sourced.group.source


def _other(entry: _Entry) -> int:
    return len(entry.results) - len(entry.active)


def _add_different(
    one: Sequence[Target], two: Sequence[Target], only_one: list[Target], only_two: list[Target]
) -> None:
    pairs = [(left, right) for left, right in zip(one, two, strict=False) if left is not right]
    only_one += [left for left, _ in pairs]
    only_two += [right for _, right in pairs]
    only_one += one[len(two) :]
    only_two += two[len(one) :]


def _moved(old: Sequence[Mapping[str, str]], new: Sequence[Mapping[str, str]], index: int) -> bool:
    """Whether the target of a place was not there, under its address, before."""
    return index >= len(old) or old[index].get("__address__") != new[index].get("__address__")


def _by_address(targets: Sequence[Mapping[str, str]]) -> dict[str, int]:
    return {own.get("__address__", ""): index for index, own in enumerate(targets)}
