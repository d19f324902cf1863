"""What makes a group what it is; groups with equal definitions go on untouched over a reload."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from narthex.config.rulefile import RuleConfig, RuleFile, RuleGroupConfig
from narthex.rules.options import RuleOptions
from narthex.rules.slots import offset

__all__ = ["GroupDefinition", "definitions"]


@dataclass(frozen=True, slots=True)
class GroupDefinition:
    """A group with every default filled in: the group's labels are in its rules. Times are ms.

    ``options`` are part of it, because labels and links of alerts depend on them.
    """

    file: str
    name: str
    interval: int
    limit: int
    query_offset: int
    rules: tuple[RuleConfig, ...]
    options: RuleOptions

    @property
    def key(self) -> tuple[str, str]:
        """Which group it is, whatever is in it."""
        return self.file, self.name

    @property
    def title(self) -> str:
        """The name in metrics and logs."""
        return f"{self.file};{self.name}"

    @property
    def place(self) -> int:
        """Where in its interval the group is evaluated, ms."""
        return offset(self.file, self.name, self.interval)


def definitions(files: Mapping[str, RuleFile], options: RuleOptions) -> Iterator[GroupDefinition]:
    """The groups of all files, by file name."""
    for path, file in files.items():
        for group in file.groups:
            yield _definition(path, group, options)


def _definition(path: str, group: RuleGroupConfig, options: RuleOptions) -> GroupDefinition:
    return GroupDefinition(
        file=path,
        name=group.name,
        interval=int(group.interval or options.evaluation_interval),
        limit=group.limit,
        query_offset=int(options.query_offset if group.query_offset is None else group.query_offset),
        rules=tuple(replace(rule, labels={**group.labels, **rule.labels}) for rule in group.rules),
        options=options,
    )
