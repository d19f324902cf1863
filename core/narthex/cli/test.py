"""``narthex test``: run the tests that users write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from narthex.cli.lazy import Lazy, LazyGroup

if TYPE_CHECKING:
    from narthex.cli.app import App
    from narthex.plugins.catalog import Catalog
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

    The last line says "N passed, M failed". Exit status 1 means that a test failed.
    """


@test.command("promql")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def promql(app: App, files: tuple[Path, ...]) -> int:
    """Run promqltest scripts on an engine over samples in memory.

    Each eval command counts as one test. A script that cannot be read counts as one failure. Experimental parts of
    the language and functions of installed plugins are known.
    """
    catalog = app.catalog()
    passed = failed = 0
    for file in files:
        for line in _failures(file, catalog):
            if line is None:
                passed += 1
            else:
                failed += 1
                click.echo(line)
    click.echo(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def _failures(file: Path, catalog: Catalog) -> Iterator[str | None]:
    """For each test None, or what is wrong, beginning with file and line."""
    from narthex.errors import StorageError
    from narthex.promql.contributed import with_plugins
    from narthex.promql.parser import ALL_OPTIONS
    from narthex.promql.testlang.reader import read_script
    from narthex.promql.testlang.runner import run_script
    from narthex.promql.testlang.script import ScriptError

    try:
        text = file.read_text(encoding="utf-8", errors="surrogateescape")
        script = read_script(text, str(file), with_plugins(catalog, ALL_OPTIONS))
        for outcome in run_script(script, partial(_setup, catalog)):
            yield None if outcome.status == "passed" else _described(outcome)
    except ScriptError as error:
        yield str(error)
    except StorageError as error:
        yield f"{file}: {error}"


def _described(outcome: Outcome) -> str:
    return str(outcome).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


@contextmanager
def _setup(catalog: Catalog) -> Iterator[tuple[Storage, Engine]]:
    from narthex.promql.contributed import with_plugins
    from narthex.promql.engine import Engine, Semantics
    from narthex.promql.engine.functions.contributed import standard_and
    from narthex.promql.parser import ALL_OPTIONS
    from narthex.testing.storage import MemoryStorage

    storage = MemoryStorage()
    yield (
        storage,
        Engine(
            storage,
            lookback=_LOOKBACK,
            max_samples=_MAX_SAMPLES,
            default_step=_STEP,
            options=with_plugins(catalog, ALL_OPTIONS),
            functions=standard_and(catalog),
            semantics=Semantics(delayed_name_removal=True, start_timestamps=True),
        ),
    )
