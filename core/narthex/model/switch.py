"""Words for on and off in labels of targets and in parameters of the API: those of Go's ``strconv.ParseBool``."""

from __future__ import annotations

__all__ = ["FALSE", "TRUE"]

TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})
