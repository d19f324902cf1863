"""Optional packages: whether a kind's are installed, and the sentence that tells how to install them.

A kind names its packages in ``requires`` and imports them in ``build`` only. So a missing package is seen without
importing anything, kinds can be listed without it, and it is an error only for a configuration that uses the kind.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Protocol

from narthex.errors import MissingExtraError
from narthex.plugins.catalog import Contribution

__all__ = ["missing", "require"]


class _NeedsPackages(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def requires(self) -> tuple[str, ...]: ...
    @property
    def extra(self) -> str: ...


def missing(contribution: Contribution[_NeedsPackages]) -> str:
    """What the kind lacks, such as ``needs boto3 (pip install 'narthex[ec2]')``; empty when nothing is missing."""
    kind = contribution.kind
    absent = [package for package in kind.requires if not _is_installed(package)]
    if not absent:
        return ""
    wanted = f"'{contribution.origin.distribution}[{kind.extra}]'" if kind.extra else " ".join(absent)
    return f"needs {', '.join(absent)} (pip install {wanted})"


def require(contribution: Contribution[_NeedsPackages]) -> None:
    """Raise ``MissingExtraError``, naming kind and plugin, unless all packages of the kind are installed."""
    lack = missing(contribution)
    if lack:
        raise MissingExtraError(f"{contribution.kind.name} of plugin {contribution.origin} {lack}")


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package.partition(".")[0]) is not None  # a dotted name would import its parent
    except (ImportError, ValueError):
        return False
