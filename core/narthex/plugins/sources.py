"""Where plugins come from: what ships is named by the composition file, strangers announce themselves.

A stranger is a distribution with an entry point of the group ``narthex``. Finding entry points reads metadata only;
nothing of a plugin is imported before :attr:`Found.load` is called.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint, distributions, entry_points

from narthex import __version__
from narthex.plugins.catalog import Origin

__all__ = ["GROUP", "Found", "allow_list", "foreign", "normal_name", "shipped", "unmatched"]

GROUP = "narthex"
"""The entry-point group that announces a plugin."""


@dataclass(frozen=True, slots=True)
class Found:
    """A plugin that has not been imported yet."""

    origin: Origin
    load: Callable[[], object]


def shipped(plugins: Mapping[str, object]) -> Iterator[Found]:
    """The plugins of the composition file, in its order; they belong to the distribution ``narthex``."""
    for name, plugin in plugins.items():
        yield Found(Origin(name, "narthex", __version__), partial(_itself, plugin))


def foreign(allow: AbstractSet[str] | None) -> list[Found]:
    """Every announced plugin that ``allow`` admits, by distribution and name, so that the order never changes.

    A distribution whose entry points cannot be read is found too, if it means Narthex; loading it raises the reason.
    """
    try:
        found = [_found(point) for point in entry_points(group=GROUP)]
    except Exception:  # noqa: BLE001 - one broken file fails the fast way; the slow one tells whose it is
        found = list(_one_by_one())
    admitted = [one for one in found if allow is None or allow & _names(one.origin)]
    return sorted(admitted, key=lambda one: (one.origin.distribution, one.origin.plugin))


def allow_list(text: str | None) -> frozenset[str] | None:
    """Read ``NARTHEX_PLUGINS``: names of distributions or entry points, separated by commas.

    None (the variable is not set) admits every plugin; an empty text admits no foreign one.
    """
    if text is None:
        return None
    return frozenset(normal_name(name.strip()) for name in text.split(",") if name.strip())


def unmatched(allow: AbstractSet[str] | None, found: list[Found]) -> list[str]:
    """Names of the allow-list that no installed plugin answers to, sorted."""
    known: set[str] = set().union(*(_names(one.origin) for one in found))
    return sorted((allow or set()) - known)


def _names(origin: Origin) -> frozenset[str]:
    return frozenset({normal_name(origin.plugin), normal_name(origin.distribution)})


def normal_name(name: str) -> str:
    """A distribution's name as the packaging specifications compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _one_by_one() -> Iterator[Found]:
    """The entry points of each distribution on its own; the first of a name on ``sys.path`` hides others."""
    seen: set[str] = set()
    for distribution in distributions():
        name = normal_name(distribution.name or "unknown")
        if name in seen:
            continue
        seen.add(name)
        try:
            yield from [_found(point) for point in distribution.entry_points.select(group=GROUP)]
        except Exception as error:  # noqa: BLE001 - whatever a stranger's metadata does to the parser
            if f"[{GROUP}]" in (distribution.read_text("entry_points.txt") or ""):
                origin = Origin(name, distribution.name or "unknown", distribution.version or "unknown")
                reason = ValueError(f"its entry points cannot be read: {type(error).__name__}: {error}")
                yield Found(origin, partial(_raise, reason))


def _found(point: EntryPoint) -> Found:
    distribution = point.dist
    if distribution is None:
        return Found(Origin(point.name, "unknown", "unknown"), point.load)
    origin = Origin(point.name, distribution.name or "unknown", distribution.version or "unknown")
    return Found(origin, point.load)


def _itself(plugin: object) -> object:
    return plugin


def _raise(reason: Exception) -> object:
    raise reason
