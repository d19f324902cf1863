"""Bad entries that a discoverer leaves out where the configuration allows it: counted, and told when they begin."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

from narthex.discovery.metrics import shared
from narthex.kinds import BuildContext

__all__ = ["Skipping"]


class _Metrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.skipped = Counter(
            "narthex_sd_skipped_entries",
            "Entries of answers left out, because they are bad.",
            ("mechanism", "config"),
            registry=registry,
        )


class Skipping:
    """One for a discoverer. Readers are handed ``begin()``'s list to add to, and ``end`` gets it back."""

    def __init__(self, context: BuildContext) -> None:
        self._wanted = context.skip_bad_entries
        self._log = context.log
        self._trouble = context.trouble
        self._counter = shared(_Metrics, context.registry).skipped.labels(context.name.partition("/")[0], context.job)
        self._told: set[str] = set()

    def begin(self) -> list[str] | None:
        """A list for what is wrong with single entries; None where a bad entry is to spoil the whole answer."""
        return [] if self._wanted else None

    def forget(self, origin: str) -> None:
        """A source that is no more has no bad entries."""
        self._told.discard(origin)
        self._trouble(f"entries of {origin}", "")

    def end(self, origin: str, skipped: list[str] | None) -> None:
        """Count what was skipped of one answer; log it when it begins and when it ends. ``origin`` names the source."""
        if skipped is None:
            return
        self._counter.inc(len(skipped))
        reason = f"{len(skipped)} bad entries left out, the first: {skipped[0]}" if skipped else ""
        self._trouble(f"entries of {origin}", reason)
        if skipped and origin not in self._told:
            extra = {"origin": origin, "entries": len(skipped), "err": skipped[0]}
            self._log.warning("Bad entries are left out", extra=extra)
            self._told.add(origin)
        elif not skipped and origin in self._told:
            self._log.info("There are no bad entries any more", extra={"origin": origin})
            self._told.discard(origin)
