"""THE pure function: the groups that discovery published and a job's configuration give the targets to scrape.

It does no I/O and reads no clock, so the server, ``plan``, ``check service-discovery``, the test runner and the UI all
call this one function and cannot disagree. The order of the steps is Prometheus's (reference §3.5):

1. a target's own labels, then the labels of its group where absent, then the job's defaults where absent
   (``job``, interval, timeout, path, scheme, histogram switches, the first value of each parameter);
2. ``relabel_configs``; a target that a rule drops, or that ends without public labels, is *dropped*;
3. checks of address, interval, timeout, histogram switches and UTF-8; a target that fails is *failed*, not dropped;
4. ``__meta_*`` goes, ``instance`` becomes the address where it is empty, equal targets become one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

from narthex.config.scrape import ScrapeConfig
from narthex.config.types import Duration
from narthex.errors import PluginError
from narthex.model.labels import Labels
from narthex.model.target import Target
from narthex.model.targetgroup import SourcedGroup
from narthex.relabel.rules import Rules, Step

__all__ = ["DroppedTarget", "FailedTarget", "TargetSet", "TargetTrace", "scrape_url", "targets"]


@dataclass(frozen=True, slots=True)
class DroppedTarget:
    """A target that relabeling dropped. ``rule`` counts from 0; None: it was left without public labels."""

    job: str
    discovered: Labels
    rule: int | None


@dataclass(frozen=True, slots=True)
class FailedTarget:
    """A target that cannot be scraped as it is. ``error`` is worded as Prometheus's; ``source`` names the group."""

    job: str
    discovered: Labels
    error: str
    provider: str
    source: str
    index: int

    def __str__(self) -> str:
        return f"instance {self.index} in group {self.source}: {self.error}"


@dataclass(frozen=True, slots=True)
class TargetTrace:
    """How one discovered target fared: where it came from, every relabel step, and what became of it."""

    provider: str
    source: str
    index: int
    discovered: Labels
    steps: tuple[Step, ...]
    result: Target | DroppedTarget | FailedTarget


@dataclass(frozen=True, slots=True)
class TargetSet:
    """Everything that came of one job's groups, in the groups' order.

    ``duplicates`` counts targets that equal an earlier one. ``dropped`` is complete; the caller keeps as many as
    ``keep_dropped_targets`` says. ``traces`` is filled when asked for, duplicates included.
    """

    job: str
    active: tuple[Target, ...] = ()
    dropped: tuple[DroppedTarget, ...] = ()
    failed: tuple[FailedTarget, ...] = ()
    duplicates: int = 0
    traces: tuple[TargetTrace, ...] = ()


def targets(job: ScrapeConfig, groups: Sequence[SourcedGroup], rules: Rules, *, trace: bool = False) -> TargetSet:
    """The targets of one job.

    ``rules`` are the job's compiled ``relabel_configs``. Groups are taken in the order given; of targets that end with
    equal labels and URL the first is kept. With ``trace`` every rule's effect is recorded, which costs a multiple.
    Never raises for what discovery found: such a target is among ``failed``.
    """
    populate = _Populate(job, rules)
    active: dict[object, Target] = {}
    dropped: list[DroppedTarget] = []
    failed: list[FailedTarget] = []
    traces: list[TargetTrace] = []
    duplicates = 0
    for sourced in groups:
        base = populate.base(sourced.group.labels)
        for index, own in enumerate(sourced.group.targets):
            discovered = populate.discovered(base, sourced.group.labels, own)
            decided = populate.decide(discovered)
            result: Target | DroppedTarget | FailedTarget
            if isinstance(decided, str):
                result = FailedTarget(job.job_name, discovered, decided, sourced.provider, sourced.group.source, index)
            else:
                result = decided
            if isinstance(result, FailedTarget):
                failed.append(result)
            elif isinstance(result, DroppedTarget):
                dropped.append(result)
            elif active.setdefault(result.key, result) is not result:
                duplicates += 1
            if trace:
                steps = rules.trace(discovered)
                source = sourced.group.source
                traces.append(TargetTrace(sourced.provider, source, index, discovered, steps, result))
    return TargetSet(job.job_name, tuple(active.values()), tuple(dropped), tuple(failed), duplicates, tuple(traces))


def scrape_url(labels: Mapping[str, str], params: Mapping[str, Sequence[str]]) -> str:
    """The URL that labels and configured parameters give.

    The host is ``__address__`` as it stands, no port is added; a target behind a Unix socket may do without, then it is
    ``localhost``. ``__param_x`` replaces the first value of parameter ``x``. Parameters are sorted by name.
    """
    host = labels.get("__address__") or "localhost"
    return _endpoint(labels.get("__scheme__", ""), host, labels.get("__metrics_path__", "")) + _query(labels, params)


def _endpoint(scheme: str, host: str, path: str) -> str:
    path = quote(path, safe="/$&+,:;=@")
    return f"{scheme}://{host}{path}" if path.startswith("/") or not path else f"{scheme}://{host}/{path}"


def _query(labels: Mapping[str, str], params: Mapping[str, Sequence[str]]) -> str:
    own = [name for name in labels if name.startswith("__param_")]
    if not own and not params:  # nearly every target, so the rest is not even begun
        return ""
    values = {name: list(several) for name, several in params.items()}
    for name in own:
        values.setdefault(name[8:], [])[:1] = [labels[name]]
    pairs = [f"{quote_plus(name)}={quote_plus(value)}" for name in sorted(values) for value in values[name]]
    return "?" + "&".join(pairs) if pairs else ""


class _Populate:
    """Steps 1 to 4 for one target after the other, with what all targets of the job share worked out once."""

    def __init__(self, job: ScrapeConfig, rules: Rules) -> None:
        self._job = job.job_name
        self._params = job.params
        self._decide = rules.decide
        self._defaults = _defaults(job)
        # Targets rarely override these, so each text is parsed once, not once a target.
        self._durations: dict[str, int] = {}

    def base(self, labels: Mapping[str, str]) -> dict[str, str]:
        """The job's defaults under a group's labels."""
        return {**self._defaults, **{name: value for name, value in labels.items() if value}}

    def discovered(self, base: Mapping[str, str], group: Mapping[str, str], own: Mapping[str, str]) -> Labels:
        """Step 1: a target's labels before relabeling."""
        if "" not in own.values():
            return Labels({**base, **own})
        # An empty label of the target hides the group's, and then the job's default takes the place.
        merged = {**group, **own}
        return Labels({**self._defaults, **{name: value for name, value in merged.items() if value}})

    def decide(self, discovered: Labels) -> Target | DroppedTarget | str:
        """Steps 2 to 4; a text is the reason for which the target failed."""
        try:
            labels, rule = self._decide(discovered.to_dict())
        except PluginError as error:
            return str(error)
        if labels is None:
            return DroppedTarget(self._job, discovered, rule)
        try:
            interval, timeout = self._check(labels)
        except ValueError as error:
            return str(error)
        labels = {name: value for name, value in labels.items() if not name.startswith("__meta_")}
        if not labels.get("instance"):
            labels["instance"] = labels.get("__address__", "")
        url = scrape_url(labels, self._params)
        final = Labels(labels)
        public = Labels({name: value for name, value in labels.items() if not name.startswith("__")})
        if not public:
            return DroppedTarget(self._job, discovered, None)
        return Target(self._job, final, url, discovered, public, interval, timeout)

    def _check(self, labels: Mapping[str, str]) -> tuple[int, int]:
        """Step 3: interval and timeout in milliseconds. Raises ``ValueError`` in Prometheus's words."""
        address = labels.get("__address__", "")
        if not address and not labels.get("__unix_socket__"):
            raise ValueError("no address")
        if "/" in address:
            raise ValueError(f"{_go_quote(address)} is not a valid hostname")
        interval = self._duration(labels, "interval")
        timeout = self._duration(labels, "timeout")
        if timeout > interval:
            texts = f'"{labels["__scrape_timeout__"]}" > "{labels["__scrape_interval__"]}"'
            raise ValueError(f"scrape timeout cannot be greater than scrape interval ({texts})")
        for name, what in _SWITCHES.items():
            value = labels.get(name)
            if value and value not in _BOOLEANS:
                raise ValueError(f"error parsing {what}: strconv.ParseBool: parsing {_go_quote(value)}: invalid syntax")
        if not "".join(labels.values()).isascii():
            _check_utf8(labels)
        return interval, timeout

    def _duration(self, labels: Mapping[str, str], what: str) -> int:
        text = labels.get(f"__scrape_{what}__", "")
        known = self._durations.get(text)
        if known is not None:
            return known
        try:
            parsed = int(Duration.parse(text))
        except ValueError:
            raise ValueError(f"error parsing scrape {what}: {_duration_problem(text)}") from None
        if parsed == 0:
            raise ValueError(f"scrape {what} cannot be 0")
        self._durations[text] = parsed
        return parsed


_SWITCHES = {
    "__convert_classic_histograms_to_nhcb__": "convert classic histograms to nhcb",
    "__always_scrape_classic_histograms__": "always scrape classic histograms",
    "__scrape_native_histograms__": "scrape native histograms",
}
_BOOLEANS = frozenset(("1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"))


def _defaults(job: ScrapeConfig) -> dict[str, str]:
    switches = {name: str(bool(getattr(job, name.strip("_")))).lower() for name in _SWITCHES}
    defaults = {
        "job": job.job_name,
        "__scrape_interval__": str(Duration(job.scrape_interval)),
        "__scrape_timeout__": str(Duration(job.scrape_timeout)),
        "__metrics_path__": job.metrics_path,
        "__scheme__": job.scheme,
        **switches,
        **{f"__param_{name}": values[0] for name, values in job.params.items() if values},
    }
    return {name: value for name, value in defaults.items() if value}


def _duration_problem(text: str) -> str:
    if not text:
        return "empty duration string"
    units = re.findall(r"\d+([^\d.]+)", text)
    unknown = next((unit for unit in units if unit not in {"ms", "s", "m", "h", "d", "w", "y"}), None)
    if unknown is not None and text[:1].isdecimal():
        return f"unknown unit {_go_quote(unknown)} in duration {_go_quote(text)}"
    return f"not a valid duration string: {_go_quote(text)}"


def _check_utf8(labels: Mapping[str, str]) -> None:
    for name, value in labels.items():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError(f"invalid label value for {_go_quote(name)}: {_go_quote(value)}") from None


def _go_quote(text: str) -> str:
    r"""``text`` as Go prints it with ``%q``; bytes that are not UTF-8 (held as surrogate escapes) become ``\xNN``."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return '"' + "".join(f"\\x{ord(c) - 0xDC00:02x}" if 0xDC80 <= ord(c) <= 0xDCFF else c for c in escaped) + '"'
