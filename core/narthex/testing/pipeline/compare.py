"""Expected and found side by side: what is missing, what is too much, and how the nearest differs.

Everything compared is a label set with a few facts beside it, so one way of matching serves targets, samples and
alerts: equal ones pair off, then the nearest ones, and each pair left over is one failure with a diff.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from narthex.config.types import Duration
from narthex.explain.labels import label_diff
from narthex.explain.relabel import rule_key
from narthex.model.labels import EMPTY, Labels
from narthex.model.target import Target
from narthex.promql.testlang.series import parse_series
from narthex.targets import DroppedTarget, FailedTarget, TargetSet
from narthex.testing.pipeline.format import (
    ExpectedDrop,
    ExpectedFailure,
    ExpectedTarget,
    PipelineTest,
    sample_lines,
)

__all__ = ["Failure", "Item", "compare_items", "compare_samples", "compare_targets", "series_text"]

Facts = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Failure:
    """What is wrong, where it was expected, and the lines of a diff (``-`` expected, ``+`` found)."""

    line: int
    message: str
    diff: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """Labels and facts (such as ``url``) of something expected or found; None and absent facts are not compared."""

    labels: Labels | None
    facts: Facts
    line: int = 0

    def fits(self, found: Item) -> bool:
        """Whether ``found`` is what this item expects."""
        same = self.labels is None or self.labels == found.labels
        return same and all(found.facts.get(name) == value for name, value in self.facts.items())

    def distance(self, found: Item) -> int:
        """How much of what is expected differs, and what ``found`` has more."""
        mine, theirs = set((self.labels or {}).items()), set((found.labels or {}).items())
        facts = sum(found.facts.get(name) != value for name, value in self.facts.items())
        return (len(mine ^ theirs) if self.labels is not None else 0) + facts

    def diff(self, found: Item) -> Iterator[str]:
        """``-`` what is expected, ``+`` what was found."""
        if self.labels is not None:
            yield from label_diff(self.labels, found.labels or {}).lines()
        for name, value in self.facts.items():
            if found.facts.get(name) != value:
                yield from (f"- {name}: {value}", f"+ {name}: {found.facts.get(name, 'nothing')}")

    def __str__(self) -> str:
        facts = ", ".join(f"{name}: {value}" for name, value in self.facts.items())
        return " ".join(part for part in (str(self.labels) if self.labels is not None else "", facts) if part)


def compare_items(
    what: str,
    expected: Sequence[Item],
    found: Sequence[Item],
    line: int,
    explain: Callable[[Item], str] = lambda _: "",
) -> Iterator[Failure]:
    """Failures for each expected item that was not found and each found one that was not expected.

    ``explain`` may say what became of a missing one; ``line`` is where the list stands.
    """
    left = list(found)
    missing = []
    for one in expected:
        match = next((other for other in left if one.fits(other)), None)
        if match is None:
            missing.append(one)
        else:
            left.remove(match)
    for one in missing:
        reason = explain(one)
        nearest = None if reason else min(left, key=one.distance, default=None)
        if nearest is None or not _resembles(one, nearest):
            yield Failure(one.line or line, f"{what} is missing{reason}", (f"- {one}",))
        else:
            left.remove(nearest)
            yield Failure(one.line or line, f"{what} differs: {nearest.labels}", tuple(one.diff(nearest)))
    for other in left:
        yield Failure(line, f"{what} was not expected", (f"+ {other}",))


def _resembles(expected: Item, found: Item) -> bool:
    """Whether a diff of the two says more than that one is missing and the other too much."""
    size = len(expected.labels or {}) + len(expected.facts)
    return expected.distance(found) <= max(2, size)


# --- targets ---------------------------------------------------------------------------------------------------------


def compare_targets(test: PipelineTest, found: TargetSet) -> Iterator[Failure]:
    """What a test expects of targets, dropped and failed ones."""
    if test.targets is not None:
        expected = [_expected_target(one) for one in test.targets]
        active = [_target_item(one) for one in found.active]
        yield from compare_items("target", expected, active, test.line_of("targets"), lambda one: _fate(one, found))
    if test.dropped is not None:
        yield from _compare_unscraped("dropped target", test.dropped, found.dropped, test.line_of("dropped"))
    if test.failed is not None:
        yield from _compare_unscraped("failed target", test.failed, found.failed, test.line_of("failed"))


def _expected_target(one: ExpectedTarget) -> Item:
    facts = {
        "url": one.url,
        "address": one.address,
        "interval": "" if one.interval is None else str(one.interval),
        "timeout": "" if one.timeout is None else str(one.timeout),
    }
    labels = None if one.labels is None else Labels({str(name): value for name, value in one.labels.items()})
    return Item(labels, {name: value for name, value in facts.items() if value}, one.line)


def _target_item(target: Target) -> Item:
    facts = {
        "url": target.url,
        "address": target.labels.get_or_empty("__address__"),
        "interval": str(Duration(target.interval)),
        "timeout": str(Duration(target.timeout)),
    }
    return Item(target.public, facts)


def _fate(expected: Item, found: TargetSet) -> str:
    """What became of the target that was expected, if it can be recognised by its address."""
    address = expected.facts.get("address") or (expected.labels or EMPTY).get_or_empty("instance")
    for dropped in found.dropped:
        if dropped.discovered.get_or_empty("__address__") == address:
            rule = "no label was left" if dropped.rule is None else f"dropped by {rule_key('target', dropped.rule)}"
            return f": {rule}"
    for failed in found.failed:
        if failed.discovered.get_or_empty("__address__") == address:
            return f": failed: {failed.error}"
    return ""


def _compare_unscraped(
    what: str,
    expected: Sequence[ExpectedDrop] | Sequence[ExpectedFailure],
    found: Sequence[DroppedTarget] | Sequence[FailedTarget],
    line: int,
) -> Iterator[Failure]:
    left: list[DroppedTarget | FailedTarget] = list(found)
    for one in expected:
        wanted = {str(name): value for name, value in one.labels.items()}
        if one.address:
            wanted["__address__"] = one.address
        same = [other for other in left if wanted.items() <= other.discovered.items()]
        match = next((other for other in same if not _complaint(one, other)), same[0] if same else None)
        if match is None:
            yield Failure(one.line or line, f"{what} is missing", (f"- {Labels(wanted)}",))
            continue
        left.remove(match)
        if complaint := _complaint(one, match):
            yield Failure(one.line or line, f"{what} differs", complaint)
    for other in left:
        yield Failure(line, f"{what} was not expected: {_reason(other)}", (f"+ {_short(other.discovered)}",))


def _complaint(one: ExpectedDrop | ExpectedFailure, found: DroppedTarget | FailedTarget) -> tuple[str, ...]:
    if isinstance(one, ExpectedDrop) and isinstance(found, DroppedTarget):
        right = one.rule is None or found.rule == one.rule
        return () if right else (f"- rule: {one.rule}", f"+ rule: {found.rule}")
    assert isinstance(one, ExpectedFailure)
    assert isinstance(found, FailedTarget)
    return () if one.error in found.error else (f"- error: {one.error}", f"+ error: {found.error}")


def _reason(found: DroppedTarget | FailedTarget) -> str:
    if isinstance(found, FailedTarget):
        return found.error
    return "no label was left" if found.rule is None else rule_key("target", found.rule)


def _short(discovered: Labels) -> Labels:
    """Without what the job adds to every target."""
    hidden = ("__scrape_", "__always_", "__convert_", "__scheme__", "__metrics_path__")
    return Labels({name: value for name, value in discovered.items() if not name.startswith(hidden)})


# --- samples ---------------------------------------------------------------------------------------------------------


def compare_samples(what: str, expected: str, found: Sequence[tuple[Labels, float]], line: int) -> Iterator[Failure]:
    """Samples as text against samples found; values may differ by a millionth, as in PromQL's own tests."""
    left = dict(found)
    wanted = [_sample(one) for one in sample_lines(expected)]
    diff: list[str] = []
    for labels, value in wanted:
        actual = left.pop(labels, None)
        if actual is None:
            diff.append(f"- {series_text(labels)} {_number(value)}")
        elif not _equal(value, actual):
            diff += [f"- {series_text(labels)} {_number(value)}", f"+ {series_text(labels)} {_number(actual)}"]
    diff += [f"+ {series_text(labels)} {_number(value)}" for labels, value in sorted(left.items())]
    if diff:
        yield Failure(line, f"{what} differ", tuple(diff))


def series_text(labels: Labels) -> str:
    """``name{label="value"}``."""
    name = labels.get_or_empty("__name__")
    rest = labels.without(["__name__"])
    return f"{name}{rest}" if rest or not name else name


def _sample(text: str) -> tuple[Labels, float]:
    parsed = parse_series(text)
    (value,) = parsed.values
    assert isinstance(value, float)  # the reader has seen to it
    return parsed.labels, value


def _equal(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-6) or (math.isnan(one) and math.isnan(other))


def _number(value: float) -> str:
    return f"{value:.15g}"
