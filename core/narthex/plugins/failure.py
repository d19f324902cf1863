"""What went wrong with one plugin, and whose it is. A failure is a value: the caller decides how loud it is."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field

from narthex.plugins.catalog import Origin

__all__ = ["PluginFailure", "describe"]


@dataclass(frozen=True, slots=True)
class PluginFailure:
    """One failure that was survived.

    ``hook`` is empty when the plugin could not be loaded at all. ``traceback`` is for the debug log.
    """

    origin: Origin
    what: str
    hook: str = ""
    traceback: str = field(default="", compare=False, repr=False)

    @classmethod
    def of(cls, origin: Origin, doing: str, error: BaseException, hook: str = "") -> PluginFailure:
        """The failure that ``error`` amounts to; ``doing`` says what was being done, such as ``cannot be imported``."""
        text = "".join(traceback.format_exception(error))
        return cls(origin, f"{doing}: {describe(error)}", hook, text)

    def __str__(self) -> str:
        where = f"{self.hook}: " if self.hook else ""
        return f"plugin {self.origin}: {where}{self.what}"


def describe(error: BaseException) -> str:
    """An exception as one line: its type and its text, with line breaks folded."""
    text = " ".join(str(error).split())
    name = type(error).__name__
    return f"{name}: {text}" if text else name
