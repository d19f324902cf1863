"""Bad jobs set apart from an otherwise good configuration (``narthex: {quarantine: true}``).

A file is one piece: with a mistake in it, nothing of it is put in force, and whoever shares it with twenty other teams
waits for the one that broke it. With quarantine a scrape config that is wrong by itself is left out, and the rest is
as if it had not been there. Set apart is only what certainly concerns one job: every problem stands below that scrape
config, and its name can be read, so that a server knows which running job it was meant to replace.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from narthex.config.session import Session
from narthex.errors import Problem

__all__ = ["Place", "QuarantinedJob", "place_of", "set_apart"]

Place = tuple[str, str]
"""A scrape config: its file, and its key path such as ``scrape_configs[2]``."""

_ELEMENT = re.compile(r"scrape_configs\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class QuarantinedJob:
    """A job that is left out. ``problems`` are lines for people; ``place`` is empty where a plugin refused the job."""

    job: str
    problems: tuple[str, ...]
    place: Place = ("", "")

    def __str__(self) -> str:
        return f"job {self.job!r} is quarantined: {'; '.join(self.problems)}"


def place_of(file: str, path: str) -> Place | None:
    """The scrape config that a key path stands in; None where it stands outside all of them."""
    found = _ELEMENT.match(path)
    return (file, found[0]) if found else None


def set_apart(sessions: Iterable[Session], problems: Sequence[Problem]) -> tuple[QuarantinedJob, ...] | None:
    """The jobs that all problems are about; None where one is about something else, or a job's name is not known."""
    by_place: dict[Place, list[str]] = {}
    for problem in problems:
        place = place_of(problem.file, problem.path)
        if place is None:
            return None
        by_place.setdefault(place, []).append(str(problem))
    names = {session.file: _names(session) for session in sessions}
    jobs = []
    for place, lines in by_place.items():
        name = names.get(place[0], {}).get(place[1], "")
        if not name:
            return None
        jobs.append(QuarantinedJob(name, tuple(lines), place))
    return tuple(jobs)


def _names(session: Session) -> dict[str, str]:
    """The job names as written, by key path."""
    root = session.document.root
    if root is None or root.kind != "mapping":
        return {}
    pair = session.entries(root, None).get("scrape_configs")
    if pair is None or pair[1].kind != "list":
        return {}
    found = {}
    for index, node in enumerate(pair[1].value):
        path = ((None, "scrape_configs"), index)
        name = session.entries(node, path).get("job_name") if node.kind == "mapping" else None
        if name is not None and name[1].sort == "text":
            found[f"scrape_configs[{index}]"] = name[1].value
    return found
