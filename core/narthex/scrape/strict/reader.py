"""Read the Prometheus text format strictly, into families."""

from __future__ import annotations

import string
from collections.abc import Iterator

from narthex.config.names import is_label_name, is_metric_name
from narthex.errors import ExpositionError
from narthex.scrape.exposition import number
from narthex.scrape.strict.families import TYPES, Family, Metric
from narthex.scrape.strict.scanner import Scanner, StrictError, shown, shown_character

__all__ = ["StrictError", "read_families"]

_LABEL_FIRST = string.ascii_letters + "_"
_LABEL = _LABEL_FIRST + string.digits
_NAME_FIRST, _NAME = _LABEL_FIRST + ":", _LABEL + ":"

_Labels = list[tuple[str, str]]


def read_families(data: bytes, *, legacy: bool = False) -> list[Family]:
    """The families that have metrics, in the order of the text. Raises :class:`StrictError`.

    ``legacy`` allows only names of letters, digits, underscores (and colons in names of metrics).
    """
    reader = _Reader(Scanner(data), legacy=legacy)
    while reader.line():
        pass
    return [family for family in reader.families.values() if family.metrics]


class _Reader:
    def __init__(self, scanner: Scanner, *, legacy: bool) -> None:
        self.families: dict[str, Family] = {}
        self._scanner = scanner
        self._legacy = legacy
        self._metrics: dict[tuple[str, frozenset[tuple[str, str]]], Metric] = {}

    def line(self) -> bool:
        """Read a line; False at the end of the text."""
        scanner = self._scanner
        while scanner.next in {" ", "\t"}:
            scanner.take()
        if not scanner.next:
            return False
        if scanner.next == "#":
            scanner.take()
            self._comment()
        elif scanner.next != "\n":
            self._sample()
        scanner.take()
        return True

    # --- comments -----------------------------------------------------------------------------------------------------

    def _comment(self) -> None:
        """A comment, up to the end of its line."""
        scanner = self._scanner
        if scanner.blanks() == "\n":
            return
        keyword = scanner.word()
        if keyword not in {"HELP", "TYPE"}:
            scanner.rest_of_line()
            return
        if scanner.blanks() == "\n":
            return
        name = self._metric_name()
        if not self._is_metric_name(name) or scanner.need() not in " \t\n":
            raise scanner.fail("invalid metric name in comment")
        if scanner.blanks() == "\n":
            return
        family = self._family(name)
        (self._help if keyword == "HELP" else self._type)(family)

    def _help(self, family: Family) -> None:
        if family.help is not None:
            raise self._scanner.fail(f"second HELP line for metric name {shown(family.name)}")
        family.help = self._scanner.help_text()

    def _type(self, family: Family) -> None:
        if family.type is not None:
            reason = f"second TYPE line for metric name {shown(family.name)}, or TYPE reported after samples"
            raise self._scanner.fail(reason)
        text = self._scanner.rest_of_line()
        family.type = next((one for one in TYPES if one == text.lower()), None)
        if family.type is None:
            raise self._scanner.fail(f"unknown metric type {shown(text)}")

    # --- samples ------------------------------------------------------------------------------------------------------

    def _sample(self) -> None:
        scanner = self._scanner
        name = "" if scanner.next == "{" else self._metric_name()
        if scanner.next != "{" and not self._is_metric_name(name):
            raise scanner.fail(f"invalid metric name {shown(name)}" if name else "invalid metric name")
        pairs: _Labels = []
        if scanner.blanks() == "{":
            name = self._braces(name, pairs)
        family = self._family(name)
        if family.type is None:
            family.type = "untyped"
        labels, own = self._split(family, pairs)
        metric = self._metric(family, labels)
        scanner.blanks()
        self._value(family, metric, name, own)
        if scanner.need() != "\n":
            scanner.blanks()
            self._timestamp(metric)

    def _metric_name(self) -> str:
        scanner = self._scanner
        if scanner.need() == '"':
            return scanner.quoted("metric name")
        return scanner.name(_NAME_FIRST, _NAME)

    def _is_metric_name(self, name: str) -> bool:
        return not _broken(name) and is_metric_name(name, legacy=self._legacy)

    def _braces(self, name: str, pairs: _Labels) -> str:
        """Everything between braces into ``pairs``; the name of the metric, which may stand among them."""
        scanner = self._scanner
        scanner.take()
        for label in self._label_names(name):
            if scanner.need() in ",}" and label[1]:
                if not self._is_metric_name(label[0]):
                    raise scanner.fail(f"invalid metric name {shown(label[0])}")
                if name:
                    raise scanner.fail(f"multiple metric names for metric {shown(name)}")
                name = label[0]
            else:
                self._pair(label, name, pairs)
            self._separator(pairs)
        if not self._is_metric_name(name):
            raise scanner.fail("invalid metric name")
        return name

    def _label_names(self, name: str) -> Iterator[tuple[str, bool]]:
        """Each name in the braces, and whether it was in quotes; the position is behind it and its blanks."""
        scanner = self._scanner
        while scanner.blanks() != "}":
            quoted = scanner.next == '"'
            label = scanner.quoted("metric name") if quoted else scanner.name(_LABEL_FIRST, _LABEL)
            if not label:
                raise scanner.fail(f"invalid label name for metric {shown(name)}")
            scanner.blanks()
            yield label, quoted
        scanner.take()

    def _pair(self, label: tuple[str, bool], name: str, pairs: _Labels) -> None:
        """The value of a label into ``pairs``."""
        scanner = self._scanner
        text, quoted = label
        if text == "__name__":
            raise scanner.fail('label name "__name__" is reserved')
        if scanner.next != "=":
            if quoted and not name:
                raise scanner.fail(f"unexpected end of metric name {shown(scanner.next)}")
            raise scanner.fail(f"expected '=' after label name, found {shown_character(scanner.next)}")
        if _broken(text) or not is_label_name(text, legacy=self._legacy):
            raise scanner.fail(f"invalid label name {shown(text)}")
        scanner.take()
        if scanner.blanks() != '"':
            raise scanner.fail(f"expected '\"' at start of label value, found {shown_character(scanner.next)}")
        value = scanner.quoted("label value")
        if _broken(value):
            raise scanner.fail(f"invalid label value {shown(value)}")
        if any(text == known for known, _ in pairs):
            raise scanner.fail(f"duplicate label names for metric {shown(name)}")
        pairs.append((text, value))

    def _separator(self, pairs: _Labels) -> None:
        scanner = self._scanner
        found = scanner.blanks()
        if found == ",":
            scanner.take()
        elif found != "}":
            value = pairs[-1][1] if pairs else ""
            raise scanner.fail(f"unexpected end of label value {shown(value)}")

    def _family(self, name: str) -> Family:
        """The family that a sample of this name belongs to; a new one where there is none."""
        if name in self.families:
            return self.families[name]
        for suffix in ("_count", "_sum", "_bucket"):
            family = self.families.get(name.removesuffix(suffix)) if name.endswith(suffix) else None
            if family is not None and family.own_label == "le":
                return family
            if family is not None and family.own_label == "quantile" and suffix != "_bucket":
                return family
        return self.families.setdefault(name, Family(name))

    def _split(self, family: Family, pairs: _Labels) -> tuple[dict[str, str], float | None]:
        """The labels of the metric, and the bound or quantile of the sample."""
        labels = dict(pairs)
        label = family.own_label
        if label is None or label not in labels:
            return labels, None
        text = labels.pop(label)
        return labels, self._number(text, f"expected float as value for '{label}' label, got {shown(text)}")

    def _metric(self, family: Family, labels: dict[str, str]) -> Metric:
        """The metric: a new one for each sample, but the parts of a summary or histogram share theirs."""
        if family.own_label is None:
            family.metrics.append(Metric(labels))
            return family.metrics[-1]
        key = (family.name, frozenset(labels.items()))
        if key not in self._metrics:
            self._metrics[key] = Metric(labels)
            family.metrics.append(self._metrics[key])
        return self._metrics[key]

    def _value(self, family: Family, metric: Metric, name: str, own: float | None) -> None:
        text = self._scanner.word()
        value = self._number(text, f"expected float as value, got {shown(text)}")
        part = family.part(name)
        if family.own_label == "le" and part != "sum" and value < 0:
            what = "count" if part == "count" else "bucket population"
            raise self._scanner.fail(f"negative {what} for histogram {shown(family.name)}")
        if family.own_label is None:
            metric.value = value
        elif part == "count":
            metric.count = value
        elif part == "sum":
            metric.sum = value
        elif own is not None:
            metric.points.append((own, value))

    def _timestamp(self, metric: Metric) -> None:
        scanner = self._scanner
        text = scanner.word()
        digits = text.removeprefix("-").removeprefix("+")
        if not (digits.isascii() and digits.isdigit() and abs(int(text)) < 1 << 63):
            raise scanner.fail(f"expected integer as timestamp, got {shown(text)}")
        metric.timestamp = int(text)
        rest = scanner.rest_of_line()
        if rest:
            raise scanner.fail(f"spurious string after timestamp: {shown(rest)}")

    def _number(self, text: str, complaint: str) -> float:
        try:
            return number(text.encode("utf-8", "surrogateescape"))
        except ExpositionError:
            raise self._scanner.fail(complaint) from None


def _broken(text: str) -> bool:
    """Whether the text holds bytes that are no UTF-8."""
    return any("\udc80" <= one <= "\udcff" for one in text)
