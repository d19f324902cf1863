"""One relabel rule as it stands in the file. What the rules do is the matter of :mod:`narthex.relabel`."""

from __future__ import annotations

from dataclasses import dataclass, field

from narthex.config.types import Count, LabelName, RegexText, flow

__all__ = ["ActionName", "RelabelConfig"]


class ActionName(str):
    """The name of a relabel action, in lower case; Prometheus compares it without regard to case."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> ActionName:
        """Lower the name. Raises ``ValueError`` for an empty one."""
        if not text:
            raise ValueError("relabel action cannot be empty")
        return cls(text.lower())

    @classmethod
    def of_null(cls) -> ActionName:
        """What a key without a value means: no action, which none is called."""
        return cls("")


@dataclass(frozen=True, slots=True)
class RelabelConfig:
    """A rule of ``relabel_configs``, ``metric_relabel_configs`` or ``alert_relabel_configs``.

    ``regex`` None is the default ``(.*)``, which some actions must tell from the same text written out. Which fields an
    action needs is checked by the action itself, through the catalog, when the configuration is loaded.
    """

    source_labels: tuple[LabelName, ...] = field(default=(), metadata=flow())
    separator: str = ";"
    regex: RegexText | None = None
    modulus: Count = Count(0)
    target_label: str = ""
    replacement: str = "$1"
    action: ActionName = ActionName("replace")
