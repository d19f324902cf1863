"""What a guard reports, and where in the code it happened."""

from __future__ import annotations

import sysconfig
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

__all__ = ["Finding", "whereabouts"]

_STDLIB = str(Path(sysconfig.get_path("stdlib")))
_OURS = str(Path(__file__).parent)
_RUNNERS = ("/_pytest/", "/pluggy/", "/pytest_asyncio/")
_MOST = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that should not have happened: which guard saw it, and what it was."""

    guard: str
    what: str

    def __str__(self) -> str:
        return f"guard/{self.guard}: {self.what}"


def whereabouts(frame: FrameType | None) -> str:
    """The innermost calls, less those of the standard library, pytest and this package: ``file:line function``."""
    places: list[str] = []
    innermost = frame
    while frame is not None and len(places) < _MOST:
        file = frame.f_code.co_filename
        if not _is_foreign(file):
            places.append(_place(frame))
        frame = frame.f_back
    if not places and innermost is not None:
        places.append(_place(innermost))
    return " > ".join(reversed(places))


def _is_foreign(file: str) -> bool:
    in_library = file.startswith(_STDLIB) and "site-packages" not in file
    return in_library or file.startswith((_OURS, "<frozen")) or any(one in file for one in _RUNNERS)


def _place(frame: FrameType) -> str:
    return f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_qualname}"
