"""A progress bar on a terminal, and nothing anywhere else; rich is imported only where there is one to draw."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

__all__ = ["Tell", "progress_bar"]

Tell = Callable[[str, int, int], None]
"""Takes what is being done, how much of it is, and how much there is (0: not known)."""


@contextlib.contextmanager
def progress_bar() -> Iterator[Tell]:
    """A bar on standard error that goes away in the end."""
    if not sys.stderr.isatty():
        yield lambda _what, _done, _total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda what, done, total: progress.update(task, description=what, completed=done, total=total or None)
