"""What can be begun: the stages that have templates, and what differs between their projects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["STAGES", "Stage"]

_NUMPY = "numpy>=2.3"


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage. ``dependencies`` are what its package imports besides narthex; ``next`` is what its author does."""

    name: str
    summary: str
    description: str
    next: str
    dependencies: tuple[str, ...] = ()


STAGES: Mapping[str, Stage] = MappingProxyType(
    {
        stage.name: stage
        for stage in (
            Stage(
                "discovery",
                "finds targets",
                "Narthex discovers targets in {plugin}.",
                "ask the real system in client.py, and say what is known about a target in groups.py",
            ),
            Stage(
                "relabel",
                "changes labels",
                "A relabel action for Narthex.",
                "say what the action does in compile_rule",
            ),
            Stage(
                "receiver",
                "takes alerts",
                "Narthex hands alerts to {plugin}.",
                "say in message.py what is sent",
            ),
            Stage(
                "storage",
                "keeps samples",
                "Narthex keeps samples in {plugin}.",
                "put the real store where database.py has SQLite",
                (_NUMPY,),
            ),
            Stage(
                "scrape",
                "reads what targets answer",
                "Narthex reads the format {plugin}.",
                "read the real format in parse.py",
            ),
            Stage(
                "function",
                "functions of PromQL and of templates",
                "Functions for Narthex's PromQL and alert templates.",
                "write the functions in promql.py and texts.py",
                (_NUMPY,),
            ),
        )
    }
)
"""By name, in the order of the pipeline."""
