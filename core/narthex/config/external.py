"""Environment variables in ``global.external_labels``: the one place where Prometheus expands them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from narthex.config.types import LabelName

__all__ = ["expand_labels"]

# Go's os.Expand: ${name}, a name, or one special character or digit. It eats a brace that is never closed.
_VARIABLE = re.compile(r"\$(?:\{([^}]*)\}|\{|([*#$@!?\-0-9])|([A-Za-z_][A-Za-z0-9_]*))")


def expand_labels(labels: Mapping[LabelName, str], env: Mapping[str, str]) -> tuple[dict[LabelName, str], list[str]]:
    """The labels with ``$v`` and ``${v}`` replaced from ``env`` and ``$$`` by ``$``; and a warning for each unset."""
    warnings: list[str] = []
    expanded = {name: _expand(name, value, env, warnings) for name, value in labels.items()}
    return expanded, warnings


def _expand(label: str, value: str, env: Mapping[str, str], warnings: list[str]) -> str:
    def replacement(match: re.Match[str]) -> str:
        name: str = match[1] or match[2] or match[3] or ""
        if name == "$":
            return "$"
        if name and name not in env:
            warnings.append(f"external label {label!r}: environment variable {name!r} is not set; empty text is used")
        return env.get(name, "")

    return _VARIABLE.sub(replacement, value)
