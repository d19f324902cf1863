"""From templates to files: which there are, what stands in them, and how they get onto the disk."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from narthex import __version__
from narthex.errors import NarthexError, UsageError
from narthex.scaffold.names import PluginNames
from narthex.scaffold.stages import Stage

__all__ = ["ProjectFile", "narthex_range", "project_files", "write_project"]

_SUFFIX = ".tmpl"
_USAGE = "usage.md"
"""The stage's part of the README: a template, but no file of the project."""
_PROGRAMS = "dot_ci/"


@dataclass(frozen=True, slots=True)
class ProjectFile:
    """One file of a new project; ``path`` is relative to it, with ``/``."""

    path: str
    text: str
    executable: bool = False


def project_files(names: PluginNames, stage: Stage, version: str = __version__) -> list[ProjectFile]:
    """Everything that is to be written for a plugin that begins with Narthex ``version``, sorted by path."""
    own = dict(_templates(_root() / stage.name))
    values = _values(names, stage, version)
    values["usage"] = _filled(own.pop(_USAGE), values).strip()
    templates = {**dict(_templates(_root() / "common")), **own}
    made = [
        ProjectFile(_path(name, names), _filled(text, values), name.startswith(_PROGRAMS))
        for name, text in templates.items()
    ]
    return sorted(made, key=lambda one: one.path)


def write_project(project: list[ProjectFile], directory: Path) -> None:
    """Write all files into a new directory, or none.

    Raises ``UsageError`` where the directory exists, ``NarthexError`` where it cannot be written.
    """
    if directory.exists() or directory.is_symlink():
        raise UsageError(f"{directory} exists already; name another with --directory")
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        # Beside the place itself, so that a rename puts everything there at once.
        work = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    except OSError as error:
        raise NarthexError(f"{directory}: {error.strerror}") from error
    try:
        inner = work / "project"
        for one in project:
            _write(inner / one.path, one)
        inner.rename(directory)
    except OSError as error:
        raise NarthexError(f"{directory}: {error.strerror}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _write(path: Path, one: ProjectFile) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(one.text, encoding="utf-8")
    if one.executable:
        path.chmod(0o755)


def narthex_range(version: str) -> str:
    """The versions of Narthex that a plugin begun with ``version`` works with: up to the next major one."""
    major, minor = version.split(".")[:2]
    return f">={major}.{minor},<{int(major) + 1}"


def _root() -> Traversable:
    return files("narthex.scaffold") / "templates"


def _templates(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Names, relative to the folder and without suffix, and texts."""
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _templates(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(_SUFFIX):
            yield prefix + entry.name.removesuffix(_SUFFIX), entry.read_text(encoding="utf-8")


def _path(name: str, names: PluginNames) -> str:
    """The path in a project. ``dot_ci`` stands for ``.ci``, so that no tool takes a template for the real thing."""
    parts = [part.replace("dot_", ".", 1) if part.startswith("dot_") else part for part in name.split("/")]
    return "/".join(parts).replace("_package_", names.package)


def _filled(text: str, values: Mapping[str, str]) -> str:
    return Template(text).substitute(values)


def _values(names: PluginNames, stage: Stage, version: str) -> dict[str, str]:
    dependencies = [f"narthex{narthex_range(version)}", *stage.dependencies]
    return {
        "plugin": names.plugin,
        "distribution": names.distribution,
        "package": names.package,
        "kind": names.kind,
        "Prefix": names.prefix,
        "stage": stage.name,
        "description": stage.description.format(plugin=names.plugin),
        "dependencies": ", ".join(f'"{one}"' for one in dependencies),
        "version": version,
    }
