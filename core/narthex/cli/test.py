"""``narthex test``: run the tests that users write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from narthex.cli.lazy import Lazy, LazyGroup

if TYPE_CHECKING:
    from narthex.promql.engine import Engine
    from narthex.promql.testlang.runner import Outcome
    from narthex.storage.protocol import Storage

__all__ = ["test"]

_LOOKBACK = 300_000
_MAX_SAMPLES = 10_000
_STEP = 60_000


_COMMANDS = {
    "pipeline": Lazy(
        "narthex.cli.pipeline:pipeline", "Test discovery, relabeling, scrapes and rules of a configuration."
    ),
}


@click.group("test", cls=LazyGroup, lazy=_COMMANDS)
def test() -> None:
    """Run tests written in files.

    The last line says ``N passed, M failed``. Exit status 1 means that a test failed.
    """


@test.command("promql")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def promql(files: tuple[Path, ...]) -> int:
    """Run promqltest scripts on an engine over samples in memory.

    Each ``eval`` command counts as one test. A script that cannot be read counts as one failure. What needs something
    Narthex cannot do yet, such as native histograms, fails with a message saying so.
    """
    passed = failed = 0
    for file in files:
        for line in _failures(file):
            if line is None:
                passed += 1
            else:
                failed += 1
                click.echo(line)
    click.echo(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def _failures(file: Path) -> Iterator[str | None]:
    """For each test None, or what is wrong, beginning with file and line."""
    from narthex.errors import StorageError
    from narthex.promql.testlang.reader import read_script
    from narthex.promql.testlang.runner import run_script
    from narthex.promql.testlang.script import ScriptError

    try:
        script = read_script(file.read_text(encoding="utf-8", errors="surrogateescape"), str(file))
        for outcome in run_script(script, _setup):
            yield None if outcome.status == "passed" else _described(outcome)
    except ScriptError as error:
        yield str(error)
    except StorageError as error:
        yield f"{file}: {error}"


def _described(outcome: Outcome) -> str:
    return str(outcome).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


@contextmanager
def _setup() -> Iterator[tuple[Storage, Engine]]:
    from narthex.promql.engine import Engine, Semantics
    from narthex.testing.storage import MemoryStorage

    storage = MemoryStorage()
    yield (
        storage,
        Engine(
            storage,
            lookback=_LOOKBACK,
            max_samples=_MAX_SAMPLES,
            default_step=_STEP,
            semantics=Semantics(delayed_name_removal=True, start_timestamps=True),
        ),
    )
