"""What came of an examination: a verdict for each rule of each kind, a score, and its two forms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from narthex import __version__
from narthex.testing.guards import GUARDS
from narthex.testing.rule import Verdict

__all__ = ["KindReport", "Report"]

_MARKS = {"kept": "ok", "broken": "BROKEN", "unchecked": "-"}


@dataclass(slots=True)
class KindReport:
    """One kind, or (with an empty stage) the distribution itself; the verdicts in the order of the contract."""

    stage: str
    name: str
    plugin: str
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def title(self) -> str:
        """Stage and name, as a heading."""
        return f"{self.stage} {self.name}" if self.stage else "the distribution"

    def add_guards(self, found: Mapping[str, str], off: Collection[str] = ()) -> None:
        """A verdict for each guard: ``found`` has what it found; those in ``off`` did not watch, as the rig asks."""
        if self.stage and any(one.state != "unchecked" for one in self.verdicts):
            self.verdicts += [_verdict_of(guard, found.get(guard, ""), on=guard not in off) for guard in GUARDS]


def _verdict_of(guard: str, what: str, *, on: bool) -> Verdict:
    if not on:
        return Verdict(f"guard/{guard}", "unchecked", "the rig switches it off")
    return Verdict(f"guard/{guard}", "broken" if what else "kept", what)


@dataclass(frozen=True, slots=True)
class Report:
    """All of it. ``kinds`` begins with the distribution itself."""

    distribution: str
    version: str
    kinds: Sequence[KindReport]

    @property
    def counts(self) -> Counter[str]:
        """How many verdicts there are of each state."""
        return Counter(one.state for kind in self.kinds for one in kind.verdicts)

    @property
    def conforms(self) -> bool:
        """Whether no rule is broken."""
        return not self.counts["broken"]

    def as_json(self) -> dict[str, Any]:
        """The report as a document; ``docs/reference/testing.md`` describes it."""
        counts = self.counts
        return {
            "distribution": self.distribution,
            "version": self.version,
            "narthex": __version__,
            "conforms": self.conforms,
            "score": {state: counts[state] for state in _MARKS},
            "kinds": [
                {
                    "stage": kind.stage,
                    "name": kind.name,
                    "plugin": kind.plugin,
                    "rules": [{**asdict(one), "seconds": round(one.seconds, 3)} for one in kind.verdicts],
                }
                for kind in self.kinds
            ],
        }

    def lines(self, *, every: bool = False) -> Iterator[str]:
        """Text: for each kind its score and what is broken or unchecked; ``every`` lists what is kept as well."""
        yield f"{self.distribution} {self.version}, against narthex {__version__}"
        for kind in self.kinds:
            counts = Counter[str](one.state for one in kind.verdicts)
            yield ""
            yield f"{kind.title}: {_score(counts)}"
            for one in kind.verdicts:
                if every or one.state == "broken":
                    yield f"  {_MARKS[one.state]:<6}  {one.rule}{f': {one.what}' if one.what else ''}"
            if not every:
                yield from _unchecked(kind.verdicts)
        yield ""
        yield f"{_score(self.counts)}"


def _unchecked(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """The rules that were not checked, together for each reason."""
    reasons: dict[str, list[str]] = {}
    for one in verdicts:
        if one.state == "unchecked":
            reasons.setdefault(one.what, []).append(one.rule)
    for what, rules in reasons.items():
        yield f"  {_MARKS['unchecked']:<6}  {', '.join(rules)}: {what}"


def _score(counts: Mapping[str, int]) -> str:
    checked = counts.get("kept", 0) + counts.get("broken", 0)
    left = counts.get("unchecked", 0)
    return f"{counts.get('kept', 0)} of {checked} rules kept" + (f", {left} not checked" if left else "")
