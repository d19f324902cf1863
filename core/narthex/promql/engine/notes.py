"""What the engine says about histograms on the way: every text once, and the place it belongs to.

A :class:`Notes` is where one node of the expression speaks from. The texts are those of Prometheus's annotations.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from narthex.model.histogram import Combined, Hint, Histogram
from narthex.promql.ast import Span
from narthex.promql.engine.query import Annotations
from narthex.promql.strings import quote_go

__all__ = ["Notes", "of_metric"]


def of_metric(name: str) -> str:
    """`` for metric name "…"``, where a name is known."""
    return f" for metric name {quote_go(name)}" if name else ""


@dataclass(frozen=True, slots=True)
class Notes:
    """Annotations about the part of the query at ``pos``."""

    annotations: Annotations
    pos: Span

    def _warn(self, message: str) -> None:
        self.annotations.warn(message, self.pos)

    def _info(self, message: str) -> None:
        self.annotations.info(message, self.pos)

    # --- samples of several kinds ---

    def mixed_samples(self, name: str) -> None:
        """A window holds numbers and histograms: no result."""
        self._warn(f"encountered a mix of histograms and floats for metric name {quote_go(name)}")

    def mixed_aggregation(self) -> None:
        """A group holds numbers and histograms: no result."""
        self._warn("encountered a mix of histograms and floats for aggregation")

    def mixed_schemas(self, name: str) -> None:
        """Exponential and custom buckets cannot be combined: no result."""
        self._warn(
            "vector contains a mix of histograms with exponential and custom buckets schemas "
            f"for metric name {quote_go(name)}"
        )

    def mixed_classic(self, name: str) -> None:
        """Classic buckets and a native histogram under the same labels: no result."""
        self._warn(f"vector contains a mix of classic and native histograms{of_metric(name)}")

    def ignored_in_range(self, name: str) -> None:
        """A function of numbers left the histograms of a window out."""
        self._info(
            f"ignored histograms in a range containing both floats and histograms for metric name {quote_go(name)}"
        )

    def ignored_in_aggregation(self, op: str) -> None:
        """An aggregation of numbers left histograms out."""
        self._info(f"ignored histogram in {op} aggregation")

    # --- operators ---

    def incompatible_types(self, left: str, op: str, right: str) -> None:
        """The operator is not defined between a ``float`` and a ``histogram`` in this order, or between two of them."""
        self._info(f"incompatible sample types encountered for binary operator {quote_go(op)}: {left} {op} {right}")

    def incompatible_buckets(self, op: str) -> None:
        """Exponential and custom buckets on the two sides of an operator: no result."""
        self._warn(f"incompatible bucket layout encountered for binary operator {op}")

    # --- sums and differences ---

    def combined(self, outcome: Combined, operation: str, *, hints: bool = True) -> Histogram:
        """The outcome of an ``addition`` or ``subtraction``, having said what there is to say about it.

        ``hints`` is whether contradicting hints matter: not where resets are dealt with one by one.
        """
        if outcome.collision and hints:
            self.conflicting_resets(operation)
        if outcome.reconciled:
            self.reconciled_bounds(operation)
        return outcome.value

    def aggregated(self, outcome: Combined, hints: Iterable[Hint]) -> Histogram:
        """The outcome of an aggregation over histograms of these hints, likewise."""
        if {Hint.RESET, Hint.NOT_RESET} <= set(hints):
            self.conflicting_resets("aggregation")
        if outcome.reconciled:
            self.reconciled_bounds("aggregation")
        return outcome.value

    def conflicting_resets(self, operation: str) -> None:
        """One histogram is marked as a counter reset and another as none."""
        self._warn(f"conflicting counter resets during histogram {operation}")

    def reconciled_bounds(self, operation: str) -> None:
        """Custom bounds differed; the result has those in common."""
        self._info(f"mismatched custom buckets were reconciled during {operation}")

    # --- counters and gauges ---

    def not_counter(self, name: str) -> None:
        """A function of counters met a gauge histogram."""
        self._warn(f"this native histogram metric is not a counter: {quote_go(name)}")

    def not_gauge(self, name: str) -> None:
        """A function of gauges met a counter histogram."""
        self._warn(f"this native histogram metric is not a gauge: {quote_go(name)}")

    # --- NaN observations ---

    def quantile_is_nan(self, name: str) -> None:
        """The quantile falls among observations of NaN."""
        self._info(f"input to histogram_quantile has NaN observations, result is NaN{of_metric(name)}")

    def quantile_is_skewed(self, name: str) -> None:
        """Observations of NaN count as the greatest ones."""
        self._info(f"input to histogram_quantile has NaN observations, result is skewed higher{of_metric(name)}")

    def fraction_without_nan(self, name: str) -> None:
        """Observations of NaN lie in no range."""
        self._info(
            "input to histogram_fraction has NaN observations, which are excluded from all fractions" + of_metric(name)
        )
