"""Every name in a new plugin, made from the one that its author types."""

from __future__ import annotations

import re
from dataclasses import dataclass

from narthex.errors import UsageError

__all__ = ["PluginNames", "plugin_names"]

_PREFIX = "narthex-"
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 20  # up to here the lines of the templates stay within 120 columns
_TAKEN = frozenset({"narthex", "plugins", "sd", "standard", "testing"})
"""Names whose distribution or package would be taken for a part of Narthex itself."""


@dataclass(frozen=True, slots=True)
class PluginNames:
    """``rack-units`` gives distribution ``narthex-rack-units``, package ``narthex_rack_units``, kind ``rack_units``."""

    plugin: str
    """As typed, without the prefix ``narthex-``; the entry point's name."""

    @property
    def distribution(self) -> str:
        """What ``pip install`` is given."""
        return _PREFIX + self.plugin

    @property
    def package(self) -> str:
        """What Python imports."""
        return self.distribution.replace("-", "_")

    @property
    def kind(self) -> str:
        """The name in the configuration, in relabel rules or in PromQL."""
        return self.plugin.replace("-", "_")

    @property
    def prefix(self) -> str:
        """How the names of classes begin."""
        return "".join(part.capitalize() for part in self.plugin.split("-"))


def plugin_names(text: str) -> PluginNames:
    """The names that follow from what was typed. Raises ``UsageError`` with a suggestion where it is no good name."""
    plugin = text.removeprefix(_PREFIX)
    if plugin in _TAKEN:
        raise UsageError(f"{text!r} would be taken for a part of Narthex; name it after what it talks to")
    if len(plugin) > _LONGEST:
        raise UsageError(f"{text!r} is too long: {len(plugin)} characters, expected {_LONGEST} at most")
    if not _NAME.fullmatch(plugin):
        better = _suggestion(text)
        hint = f"; try {better!r}" if better else ""
        raise UsageError(
            f"{text!r} is no name for a plugin: expected lower-case letters, digits and single hyphens, "
            f"a letter first{hint}"
        )
    return PluginNames(plugin)


def _suggestion(text: str) -> str:
    """The nearest name that is one, or nothing."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", text)  # RackUnits
    plain = re.sub(r"[^a-z0-9]+", "-", spaced.lower()).strip("-").removeprefix(_PREFIX)
    better = re.sub(r"^[0-9-]+", "", plain)[:_LONGEST].rstrip("-")
    return better if better not in _TAKEN else ""
