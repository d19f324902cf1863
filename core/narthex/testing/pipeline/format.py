"""The format of a pipeline test file; docs/reference/pipeline-tests.md is its reference.

Read as every configuration file is: strictly, all problems at once. ``line`` is where a value stands, for failures.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

from narthex.config.decode import read_document
from narthex.config.document import parse_yaml
from narthex.config.session import INVALID, Session
from narthex.config.types import Count, Duration, FilePath, LabelName, internal
from narthex.model.histogram import NotationError
from narthex.promql.testlang.series import parse_series

__all__ = [
    "AlertCheck",
    "ExpectedAlert",
    "ExpectedDrop",
    "ExpectedFailure",
    "ExpectedTarget",
    "Group",
    "PipelineFile",
    "PipelineTest",
    "QueryCheck",
    "Scrape",
    "read_tests",
    "sample_lines",
]

T = TypeVar("T")
Findings = Iterator[tuple[str, str]]


def _line() -> Any:
    return field(default=0, compare=False, metadata=internal())


@dataclass(frozen=True, slots=True)
class Group:
    """A target group as discovery publishes it and as target files hold it: addresses, and labels they share."""

    targets: tuple[str, ...] = ()
    labels: Mapping[LabelName, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExpectedTarget:
    """A target that is scraped. What is left out is not compared; ``labels`` are all labels that its series carry."""

    labels: Mapping[LabelName, str] | None = None
    url: str = ""
    address: str = ""
    interval: Duration | None = None
    timeout: Duration | None = None
    line: int = _line()


@dataclass(frozen=True, slots=True)
class ExpectedDrop:
    """A target that relabeling drops: some of its discovered labels, and the rule's number from 0."""

    address: str = ""
    labels: Mapping[LabelName, str] = field(default_factory=dict)
    rule: Count | None = None
    line: int = _line()


@dataclass(frozen=True, slots=True)
class ExpectedFailure:
    """A target that cannot be scraped as it is; ``error`` is part of the reason."""

    address: str = ""
    labels: Mapping[LabelName, str] = field(default_factory=dict)
    error: str = ""
    line: int = _line()


@dataclass(frozen=True, slots=True)
class Scrape:
    """What the targets with these labels answer ``at`` a time, and on every interval ``until`` another.

    ``samples`` are all samples stored of the first such scrape, a series and its value on each line. ``error`` is part
    of the reason for which the scrape fails.
    """

    text: str | None = None
    down: bool = False
    content_type: str = "text/plain"
    target: Mapping[LabelName, str] = field(default_factory=dict)
    at: Duration = Duration(0)
    until: Duration | None = None
    samples: str | None = None
    error: str = ""
    line: int = _line()

    def check(self) -> Findings:
        """A scrape answers or it does not."""
        if (self.text is None) != self.down:
            yield "", "either 'text' or 'down: true' must be set"
        if self.until is not None and self.until < self.at:
            yield "until", "'until' lies before 'at'"
        yield from _sample_findings(self.samples)


@dataclass(frozen=True, slots=True)
class QueryCheck:
    """What an instant query answers ``at`` a time; ``samples`` as for scrapes, in any order."""

    expr: str
    samples: str
    at: Duration = Duration(0)
    line: int = _line()

    def check(self) -> Findings:
        """The samples can be read."""
        yield from _sample_findings(self.samples)


@dataclass(frozen=True, slots=True)
class ExpectedAlert:
    """An alert; ``annotations`` are compared if they are given."""

    labels: Mapping[LabelName, str] = field(default_factory=dict)
    annotations: Mapping[LabelName, str] | None = None
    state: Literal["pending", "firing"] = "firing"
    line: int = _line()


@dataclass(frozen=True, slots=True)
class AlertCheck:
    """All alerts that are pending or firing ``at`` a time; those of one alerting rule where ``alert`` names it."""

    at: Duration
    alert: str = ""
    active: tuple[ExpectedAlert, ...] = ()
    line: int = _line()


@dataclass(frozen=True, slots=True)
class PipelineTest:
    """One test. Of ``targets``, ``dropped`` and ``failed`` those that are given must be complete."""

    name: str
    job: str
    groups: tuple[Group, ...] = ()
    groups_file: FilePath | None = None
    targets: tuple[ExpectedTarget, ...] | None = None
    dropped: tuple[ExpectedDrop, ...] | None = None
    failed: tuple[ExpectedFailure, ...] | None = None
    scrapes: tuple[Scrape, ...] = ()
    queries: tuple[QueryCheck, ...] = ()
    alerts: tuple[AlertCheck, ...] = ()
    line: int = _line()
    lines: Mapping[str, int] = field(default_factory=dict, compare=False, metadata=internal())

    def check(self) -> Findings:
        """A test has something to look at."""
        if not self.groups and self.groups_file is None:
            yield "", "'groups' or 'groups_file' must be set"
        stated = (self.targets, self.dropped, self.failed)
        if stated == (None, None, None) and not (self.scrapes or self.queries or self.alerts):
            yield "", "the test expects nothing: set 'targets', 'dropped', 'failed', 'scrapes', 'queries' or 'alerts'"

    def line_of(self, key: str) -> int:
        """The line on which a key's value stands; the test's own where it is absent."""
        return self.lines.get(key, self.line)


@dataclass(frozen=True, slots=True)
class PipelineFile:
    """A test file. ``config`` is ``prometheus.yml`` beside it unless it says otherwise."""

    config: FilePath | None = None
    tests: tuple[PipelineTest, ...] = ()


def read_tests(text: str | bytes, file: str) -> PipelineFile:
    """Read a test file. Raises ``ConfigError`` with every problem."""
    directory = os.path.dirname(file)  # noqa: PTH120 -- may be empty
    session = Session(file, parse_yaml(text, file), directory)
    found = read_document(PipelineFile, session)
    session.finish()
    assert found is not INVALID  # or else there was a problem
    tests = tuple(_placed(one, session) for one in found.tests)
    return PipelineFile(found.config or FilePath(session.join("prometheus.yml")), tests)


def sample_lines(text: str) -> list[str]:
    """The lines of a ``samples`` text that hold a sample; empty ones and comments do not."""
    stripped = (one.strip() for one in text.splitlines())
    return [one for one in stripped if one and not one.startswith("#")]


def _sample_findings(text: str | None) -> Findings:
    for one in sample_lines(text or ""):
        try:
            values = parse_series(one).values
        except NotationError as error:
            yield "samples", f"{one!r} is not a series and a value: {error}"
            continue
        if len(values) != 1 or not isinstance(values[0], float):
            yield "samples", f"{one!r} is not a series and one number"


def _placed(value: T, session: Session) -> T:
    """``value`` with its lines, and the values in it with theirs."""
    if isinstance(value, tuple):
        return tuple(_placed(one, session) for one in value)  # type: ignore[return-value] # a tuple again
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return value
    names = {one.name for one in dataclasses.fields(value)}
    changes: dict[str, Any] = {
        name: _placed(inner, session) for name in names if isinstance(inner := getattr(value, name), tuple)
    }
    if "line" in names:
        changes["line"] = session.line_of(value)
    if "lines" in names:
        changes["lines"] = {name: session.line_of(value, name) for name in names if session.has(value, name)}
    return replace(value, **changes)
